package sandbox_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/orgsync/orgsync/internal/sandbox"
)

// TestFaultKinds uses each kind of fault for the request for an invitation, with and without After, over HTTP.
func TestFaultKinds(t *testing.T) {
	t.Parallel()
	status := func(want int) func(*testing.T, got, error) {
		return func(t *testing.T, a got, err error) {
			t.Helper()
			if err != nil || a.status != want {
				t.Errorf("%d %q, %v; want %d", a.status, a.body, err, want)
			}
		}
	}
	is := func(want int, check func(got) bool) func(*testing.T, got, error) {
		return func(t *testing.T, a got, err error) {
			t.Helper()
			status(want)(t, a, err)
			if !check(a) {
				t.Errorf("%v %q", a.header, a.body)
			}
		}
	}
	cut := func(t *testing.T, a got, err error) {
		t.Helper()
		if err == nil {
			t.Errorf("an answer came: %d %s", a.status, a.body)
		}
	}
	field := func(name string, want any) func(got) bool {
		return func(a got) bool {
			i, _ := a.object["invitation"].(map[string]any)
			return i != nil && i[name] == want
		}
	}
	retryAfter := func(want string) func(got) bool {
		return func(a got) bool { return a.header.Get("Retry-After") == want && a.object["error"] != "" }
	}
	tests := map[string]struct {
		fault sandbox.Fault
		check func(*testing.T, got, error)
	}{
		"500": {sandbox.Fault{Kind: sandbox.FaultStatus},
			is(500, func(a got) bool { return a.object["status"] == 500. })},
		"502 page": {sandbox.Fault{Kind: sandbox.FaultHTML, Status: 502},
			is(502, func(a got) bool { return strings.HasPrefix(a.body, "<!DOCTYPE html>") })},
		"503 empty": {sandbox.Fault{Kind: sandbox.FaultEmpty, Status: 503},
			is(503, func(a got) bool { return a.body == "" })},
		"400": {sandbox.Fault{Kind: sandbox.FaultStatus, Status: 400}, status(400)},
		"403": {sandbox.Fault{Kind: sandbox.FaultForbid},
			is(403, func(a got) bool { return a.object["status"] == 403. })},
		"401": {sandbox.Fault{Kind: sandbox.FaultForbid, Status: 401}, status(401)},
		"429": {sandbox.Fault{Kind: sandbox.FaultThrottle},
			is(429, func(a got) bool { return a.header.Values("Retry-After") == nil })},
		"429 seconds": {sandbox.Fault{Kind: sandbox.FaultThrottle, RetryAfter: "7"}, is(429, retryAfter("7"))},
		"429 absurd":  {sandbox.Fault{Kind: sandbox.FaultThrottle, RetryAfter: "3600"}, is(429, retryAfter("3600"))},
		"429 date": {sandbox.Fault{Kind: sandbox.FaultThrottle, RetryAfter: "date+5s"},
			is(429, retryAfter(start.Add(5*time.Second).Format(http.TimeFormat)))},
		"drop":       {sandbox.Fault{Kind: sandbox.FaultDrop}, cut},
		"short hang": {sandbox.Fault{Kind: sandbox.FaultHang, Delay: time.Millisecond}, cut},
		"truncate": {sandbox.Fault{Kind: sandbox.FaultTruncate}, func(t *testing.T, a got, err error) {
			t.Helper()
			if !errors.Is(err, io.ErrUnexpectedEOF) || a.status != 201 || !strings.HasPrefix(a.body, `{"invitation":{`) ||
				a.object != nil {
				t.Errorf("%d %q, %v", a.status, a.body, err)
			}
		}},
		"half": {sandbox.Fault{Kind: sandbox.FaultHalf},
			is(201, func(a got) bool { return strings.HasPrefix(a.body, `{"invitation":{`) && a.object == nil })},
		"html": {sandbox.Fault{Kind: sandbox.FaultHTML}, is(200, func(a got) bool {
			return strings.HasPrefix(a.header.Get("Content-Type"), "text/html") && strings.Contains(a.body, "<title>")
		})},
		"empty": {sandbox.Fault{Kind: sandbox.FaultEmpty}, is(201, func(a got) bool { return a.body == "" })},
		"redirect": {sandbox.Fault{Kind: sandbox.FaultRedirect},
			is(302, func(a got) bool { return a.header.Get("Location") == "/elsewhere" })},
		"redirect 307": {sandbox.Fault{Kind: sandbox.FaultRedirect, Status: 307, Location: "http://127.0.0.1:1/"},
			is(307, func(a got) bool { return a.header.Get("Location") == "http://127.0.0.1:1/" })},
		"wrong person": {sandbox.Fault{Kind: sandbox.FaultWrongPerson},
			is(201, field("email_invited", sandbox.WrongPersonEmail))},
		"wrong org": {sandbox.Fault{Kind: sandbox.FaultWrongOrganization}, is(201, field("org_name", "Strange Org"))},
		"no id":     {sandbox.Fault{Kind: sandbox.FaultNoID}, is(201, field("id", ""))},
		"expired": {
			sandbox.Fault{Kind: sandbox.FaultExpired},
			is(201, field("expiration_date", start.Add(-time.Hour).Format("2006-01-02T15:04:05-07:00"))),
		},
		"error inside": {sandbox.Fault{Kind: sandbox.FaultErrorInside}, is(201, func(a got) bool {
			said, _ := a.object["error"].(map[string]any)
			return said["code"] == 500.
		})},
		"error inside, its own": {sandbox.Fault{Kind: sandbox.FaultErrorInside, Body: `{"success": false}`},
			is(201, func(a got) bool {
				return a.object["success"] == false && a.object["error"] == nil
			})},
	}
	for name, test := range tests {
		for _, after := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s after %v", name, after), func(t *testing.T) {
				t.Parallel()
				s := newServer(t, sandbox.Options{})
				server := httptest.NewServer(s)
				defer server.Close()
				client := server.Client()
				client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
				fault := test.fault
				fault.ActFirst, fault.Times = after, 1
				s.AddFault(fault)
				a, err := send(client, "POST", server.URL+"/v2/invitation", inviteText("ada@example.com", "yes"))
				test.check(t, a, err)

				want := map[string]int{}
				if after {
					want["ada@example.com"] = 1
				}
				wantDiff(t, "mails", want, mailCount(s))
				if n := len(s.World().Invitations); n != len(want) {
					t.Errorf("%d invitations", n)
				}
				if q := s.Requests()[0]; q.Fault != fault.Kind || q.Status != a.status {
					t.Errorf("recorded: %+v", q)
				}
				again, err := send(client, "GET", server.URL+"/v2/invitation", "")
				if err != nil || again.status != 200 || len(s.Violations()) != 0 {
					t.Errorf("when the fault is over: %d, %v, %v", again.status, err, s.Violations())
				}
			})
		}
	}
}

// TestErrorInside checks that an error in a success is beside empty lists or, with After, beside the right answer.
// A refusal does not change, and an answer without a body gets one.
func TestErrorInside(t *testing.T) {
	t.Parallel()
	for _, beside := range []bool{false, true} {
		s := world(t, sandbox.Dialect{})
		s.AddFault(sandbox.Fault{Kind: sandbox.FaultErrorInside, ActFirst: beside})
		a := request(t, s, "GET", "/v2/users", "")
		want := 0
		if beside {
			want = 3
		}
		if n := len(rows(t, a, "users")); n != want || a.object["error"] == nil || a.object["meta"] == nil {
			t.Errorf("after %v: %d users, want %d: %s", beside, n, want, a.body)
		}
		if a := request(t, s, "GET", "/v2/users/nobody", ""); a.status != 404 || a.object["error"] != "Invalid user" {
			t.Errorf("after %v: a refusal is answered %d %s", beside, a.status, a.body)
		}
		path := "/v2/organizations/" + s.World().Organization.ID + "/user/member/suspend"
		if a := request(t, s, "PUT", path, ""); a.status != 200 || a.object["error"] == nil {
			t.Errorf("after %v: a suspension is answered %d %s", beside, a.status, a.body)
		}
		for _, u := range s.World().Users {
			if u.ID == "member" && u.Suspended != beside {
				t.Errorf("after %v: the member is suspended: %v", beside, u.Suspended)
			}
		}
	}
}

func TestEmptyList(t *testing.T) {
	t.Parallel()
	s := world(t, sandbox.Dialect{})
	s.AddFault(sandbox.Fault{Kind: sandbox.FaultEmptyList, Path: "/v2/users"})
	a := request(t, s, "GET", "/v2/users", "")
	meta, _ := a.object["meta"].(map[string]any)
	if n := len(rows(t, a, "users")); n != 0 || meta["total"] != 0. {
		t.Errorf("%d users: %s", n, a.body)
	}
	if ids, _, _ := page(t, s, "/v2/invitation"); len(ids) != 4 {
		t.Errorf("other lists show %d rows", len(ids))
	}
}

func TestRenameGroup(t *testing.T) {
	t.Parallel()
	s := newServer(t, sandbox.Options{})
	id := byName(s.World())["platform"]
	if err := s.RenameGroup("platform", "infra"); err != nil || byName(s.World())["infra"] != id {
		t.Errorf("%v; %v", err, s.World().Groups)
	}
	if err := s.RenameGroup("platform", "infra"); err == nil {
		t.Error("a group that there is none of was renamed")
	}
}

// TestUntouchedWorld checks that no write changes the world if it has a fault without After.
func TestUntouchedWorld(t *testing.T) {
	t.Parallel()
	s := world(t, sandbox.Dialect{})
	id, org := byName(s.World()), s.World().Organization.ID
	writes := []struct{ method, path, body string }{
		{"POST", "/v2/invitation", inviteText("new@example.com", "no")},
		{"POST", "/v2/invitation/pending/resend", ""},
		{"PATCH", "/v2/users/member", `{"api_enabled": true}`},
		{"PUT", "/v2/organizations/" + org + "/user/member/suspend", ""},
		{"PUT", "/v2/organizations/" + org + "/user/suspended/unsuspend", ""},
		{"DELETE", "/v2/organizations/" + org + "/user/member", ""},
		{"POST", "/v2/groups/" + id["everyone"] + "/members", `{"user_id": "member", "display_name": "Ada"}`},
		{"DELETE", "/v2/groups/" + id["platform"] + "/members/member", ""},
		{"POST", "/v2/roles/" + id["deployer"] + "/users/member", ""},
		{"DELETE", "/v2/roles/" + id["deployer"] + "/groups/" + id["platform"], ""},
		{"POST", "/v2/policies/" + id["billing"] + "/users/member", ""},
	}
	if err := s.Advance(time.Hour); err != nil { // resending changes the expiration only if time has passed
		t.Fatal(err)
	}
	s.AddFault(sandbox.Fault{Kind: sandbox.FaultEmpty})
	before := s.World()
	for _, w := range writes {
		if a := request(t, s, w.method, w.path, w.body); a.status/100 != 2 || a.body != "" {
			t.Errorf("%s %s: %d %s", w.method, w.path, a.status, a.body)
		}
		wantDiff(t, w.method+" "+w.path, before, s.World())
	}
	s.ClearFaults()
	for _, w := range writes[:len(writes)-6] {
		if a := request(t, s, w.method, w.path, w.body); a.status/100 != 2 {
			t.Errorf("%s %s for real: %d %s", w.method, w.path, a.status, a.body)
		}
	}
}

func TestWrongUser(t *testing.T) {
	t.Parallel()
	for kind, want := range map[sandbox.FaultKind][]any{
		sandbox.FaultWrongPerson: {"member", sandbox.WrongPersonEmail}, sandbox.FaultNoID: {"", "accepted@example.com"},
	} {
		s := world(t, sandbox.Dialect{})
		s.AddFault(sandbox.Fault{Kind: kind})
		u := request(t, s, "GET", "/v2/users/member", "").object["user"].(map[string]any)
		wantDiff(t, string(kind), want, []any{u["id"], u["email"]})
	}
}

func TestTruncateWithoutBody(t *testing.T) {
	t.Parallel()
	s := world(t, sandbox.Dialect{})
	server := httptest.NewServer(s)
	defer server.Close()
	s.AddFault(sandbox.Fault{Kind: sandbox.FaultTruncate, ActFirst: true})
	path := "/v2/organizations/" + s.World().Organization.ID + "/user/member"
	if a, err := send(server.Client(), "DELETE", server.URL+path, ""); err == nil {
		t.Errorf("%d %s", a.status, a.body)
	}
	for _, u := range s.World().Users {
		if u.ID == "member" {
			t.Error("the server did not act")
		}
	}
}

func TestRequestsThatFaultsHit(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		fault sandbox.Fault
		want  string // one letter for each of nine requests: x is struck
	}{
		"all":                {sandbox.Fault{}, "xxxxxxxxx"},
		"from the second":    {sandbox.Fault{From: 2}, ".xxxxxxxx"},
		"every third":        {sandbox.Fault{Every: 3}, "x..x..x.."},
		"from 2, every 3":    {sandbox.Fault{From: 2, Every: 3}, ".x..x..x."},
		"twice":              {sandbox.Fault{From: 3, Times: 2}, "..xx....."},
		"by method":          {sandbox.Fault{Method: "POST"}, "..x..x..x"},
		"by path":            {sandbox.Fault{Path: "/v2/users"}, "x..x..x.."},
		"by prefix":          {sandbox.Fault{Path: "/v2/invitation*"}, ".xx.xx.xx"},
		"by route":           {sandbox.Fault{Path: "/v2/invitation/{id}/resend"}, "..x..x..x"},
		"by path, second":    {sandbox.Fault{Path: "/v2/users", From: 2, Times: 1}, "...x....."},
		"another path":       {sandbox.Fault{Path: "/v2/roles"}, "........."},
		"path and method":    {sandbox.Fault{Path: "/v2/users", Method: "POST"}, "........."},
		"prefix without end": {sandbox.Fault{Path: "*", Every: 4}, "x...x...x"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := world(t, sandbox.Dialect{})
			test.fault.Kind, test.fault.Status = sandbox.FaultStatus, 599
			s.AddFault(test.fault)
			have := ""
			for range 3 {
				for _, r := range []struct{ method, path string }{{"GET", "/v2/users"}, {"GET", "/v2/invitation"},
					{"POST", "/v2/invitation/pending/resend"}} {
					if request(t, s, r.method, r.path, "").status == 599 {
						have += "x"
					} else {
						have += "."
					}
				}
			}
			if have != test.want {
				t.Errorf("struck %s, want %s", have, test.want)
			}
			s.ClearFaults()
			if a := request(t, s, "GET", "/v2/users", ""); a.status != 200 {
				t.Errorf("cleared: %d", a.status)
			}
		})
	}
	t.Run("the first of two", func(t *testing.T) {
		t.Parallel()
		s := newServer(t, sandbox.Options{})
		s.AddFault(sandbox.Fault{Kind: sandbox.FaultStatus, Status: 500, From: 2, Times: 1})
		s.AddFault(sandbox.Fault{Kind: sandbox.FaultStatus, Status: 503, From: 2})
		var have []int
		for range 4 {
			have = append(have, request(t, s, "GET", "/v2/users", "").status)
		}
		wantDiff(t, "statuses", []int{200, 500, 503, 503}, have)
	})
	t.Run("undocumented requests do not count", func(t *testing.T) {
		t.Parallel()
		s := newServer(t, sandbox.Options{})
		s.AddFault(sandbox.Fault{Kind: sandbox.FaultStatus, Times: 1})
		rawRequest(s, "GET", "/v2/nothing", "", nil)
		if a := rawRequest(s, "GET", "/v2/users", "", nil); a.status != 500 {
			t.Errorf("%d", a.status)
		}
	})
}

func TestAddFaultRefusesNonsense(t *testing.T) {
	t.Parallel()
	for _, f := range []sandbox.Fault{{}, {Kind: "tpyo"}, {Kind: sandbox.FaultThrottle, RetryAfter: "date+soon"}} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%+v was taken", f)
				}
			}()
			newServer(t, sandbox.Options{}).AddFault(f)
		}()
	}
}

func TestHangAndSlow(t *testing.T) {
	t.Parallel()
	// call returns the status, 0 for a dropped connection, and how long the request took.
	call := func(s *sandbox.Server, ctx context.Context) (status int, took time.Duration) {
		before := time.Now()
		defer func() {
			took = time.Since(before)
			cut := recover()
			if err, _ := cut.(error); cut != nil && !errors.Is(err, http.ErrAbortHandler) {
				panic(cut)
			}
		}()
		return rawRequest(s, "POST", "/v2/invitation", inviteText("ada@example.com", "no"),
			func(r *http.Request) { *r = *r.WithContext(ctx) }).status, 0
	}
	synctest.Test(t, func(t *testing.T) {
		for _, after := range []bool{false, true} {
			mails := map[bool]int{true: 1}[after]
			s := newServer(t, sandbox.Options{})
			s.AddFault(sandbox.Fault{Kind: sandbox.FaultHang, ActFirst: after})
			ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
			if status, took := call(s, ctx); status != 0 || took != 30*time.Second || len(s.Mails()) != mails {
				t.Errorf("hang, after %v: %d in %v, %d mails", after, status, took, len(s.Mails()))
			}
			cancel()

			s = newServer(t, sandbox.Options{})
			s.AddFault(sandbox.Fault{Kind: sandbox.FaultHang, ActFirst: after, Delay: time.Minute})
			if status, took := call(s, t.Context()); status != 0 || took != time.Minute || len(s.Mails()) != mails {
				t.Errorf("hang for a minute, after %v: %d in %v, %d mails", after, status, took, len(s.Mails()))
			}

			s = newServer(t, sandbox.Options{})
			s.AddFault(sandbox.Fault{Kind: sandbox.FaultSlow, ActFirst: after, Delay: time.Minute})
			early := make(chan int, 1)
			go func() {
				time.Sleep(time.Second)
				early <- len(s.Mails())
			}()
			status, took := call(s, t.Context())
			if n := <-early; status != 201 || took != time.Minute || n != mails || len(s.Mails()) != 1 {
				t.Errorf("slow, after %v: %d in %v, %d mails early, %d at last", after, status, took, n, len(s.Mails()))
			}
		}
	})
}

func TestListFaults(t *testing.T) {
	t.Parallel()
	read := func(s *sandbox.Server, max int) (ids []any, totals []any, repeated bool) {
		seen := map[string]bool{}
		cursor := ""
		for range max {
			some, total, next := page(t, s, "/v2/invitation?per_page=2&cursor="+cursor)
			ids, totals = append(ids, some...), append(totals, total)
			if next == "" {
				return ids, totals, false
			}
			if seen[next] {
				return ids, totals, true
			}
			seen[next] = true
			cursor = next
		}
		return ids, totals, false
	}
	tests := map[string]struct {
		fault    sandbox.Fault
		ids      []any
		totals   []any
		repeated bool
	}{
		"row added": {sandbox.Fault{Kind: sandbox.FaultRowAdded, From: 2, Times: 1}, []any{"i00", "i01", "i01", "i02",
			"i03", "i04"}, []any{5., 6., 5.}, false},
		"row removed": {sandbox.Fault{Kind: sandbox.FaultRowRemoved, From: 2, Times: 1},
			[]any{"i00", "i01", "i03", "i04"}, []any{5., 4.}, false},
		"first page left": {sandbox.Fault{Kind: sandbox.FaultRowRemoved, Times: 1}, []any{"i00", "i01", "i02", "i03", "i04"},
			[]any{5., 5., 5.}, false},
		"repeat cursor": {sandbox.Fault{Kind: sandbox.FaultRepeatCursor, From: 2}, []any{"i00", "i01", "i02", "i03"},
			[]any{5., 5.}, true},
		"repeat from one": {sandbox.Fault{Kind: sandbox.FaultRepeatCursor}, []any{"i00", "i01", "i00", "i01"},
			[]any{5., 5.}, true},
		"wrong total": {sandbox.Fault{Kind: sandbox.FaultWrongTotal}, []any{"i00", "i01", "i02", "i03", "i04"},
			[]any{8., 8., 8.}, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := crowd(t, 5, sandbox.Options{})
			before := s.World()
			s.AddFault(test.fault)
			ids, totals, repeated := read(s, 10)
			wantDiff(t, "ids", test.ids, ids)
			wantDiff(t, "totals", test.totals, totals)
			if repeated != test.repeated {
				t.Errorf("a cursor repeated: %v", repeated)
			}
			wantDiff(t, "the world", before, s.World())
		})
	}
	t.Run("wrong total where meta would be missing", func(t *testing.T) {
		t.Parallel()
		s := crowd(t, 5, sandbox.Options{Dialect: sandbox.Dialect{Meta: sandbox.MetaMissing}})
		s.AddFault(sandbox.Fault{Kind: sandbox.FaultWrongTotal})
		if _, total, _ := page(t, s, "/v2/invitation"); total != 8. {
			t.Errorf("total %v", total)
		}
	})
}

// TestFaultActsLate checks that the server acts some time after the fault, and not before.
func TestFaultActsLate(t *testing.T) {
	t.Parallel()
	for _, kind := range []sandbox.FaultKind{sandbox.FaultDrop, sandbox.FaultStatus, sandbox.FaultTruncate,
		sandbox.FaultHTML, sandbox.FaultHang} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s, err := sandbox.New(sandbox.Options{RateLimit: -1})
				if err != nil {
					t.Fatal(err)
				}
				s.AddFault(sandbox.Fault{Kind: kind, Delay: time.Second, ActAfter: time.Minute, Times: 1})
				req := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/v2/invitation",
					strings.NewReader(`{"email_invited": "ada@example.com", "permissions": {"api_enabled": "yes"}}`))
				req.Header.Set("Authorization", "Bearer K3Y")
				req.Header.Set("Content-Type", "application/json")
				func() {
					defer func() { _ = recover() }()
					s.ServeHTTP(httptest.NewRecorder(), req)
				}()
				time.Sleep(time.Minute - time.Millisecond)
				if got := len(s.Mails()["ada@example.com"]); got != 0 {
					t.Errorf("%d mails before a minute was over", got)
				}
				time.Sleep(2 * time.Millisecond)
				if got := len(s.Mails()["ada@example.com"]); got != 1 {
					t.Errorf("%d mails after a minute, want 1", got)
				}
			})
		})
	}
}
