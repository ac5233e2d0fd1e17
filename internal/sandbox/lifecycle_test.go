package sandbox_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/orgsync/orgsync/internal/sandbox"
)

func TestInvitationIsAccepted(t *testing.T) {
	t.Parallel()
	s := newServer(t, sandbox.Options{})
	id := invite(t, s, "Ada.Lovelace@example.com")
	before := single(t, request(t, s, "GET", "/v2/invitation/"+id, ""))
	wantDiff(t, "pending", map[string]any{
		"id": id, "inviter_name": "Olivia Owner", "inviter_email": "owner@example.com",
		"email_invited":    "Ada.Lovelace@example.com",
		"email_registered": "", "permissions": map[string]any{"api_enabled": true}, "org_id": s.World().Organization.ID,
		"org_name": "Example Org", "status": "pending", "invite_status": "Pending",
		"date_created":   "2026-06-01T10:00:00+00:00",
		"date_responded": nil, "expiration_date": "2026-06-04T10:00:00+00:00",
	}, before)

	if err := s.Advance(72*time.Hour - time.Second); err != nil {
		t.Fatal(err)
	}
	if err := s.Accept("ada.lovelace@example.com"); err != nil {
		t.Fatal(err)
	}
	after := single(t, request(t, s, "GET", "/v2/invitation/"+id, ""))
	for field, want := range map[string]any{
		"invite_status": "Accepted", "email_registered": "Ada.Lovelace@example.com",
		"date_responded": "2026-06-04T09:59:59+00:00",
		"date_created":   before["date_created"], "expiration_date": before["expiration_date"],
	} {
		if after[field] != want {
			t.Errorf("%s is %v, want %v", field, after[field], want)
		}
	}
	users := rows(t, request(t, s, "GET", "/v2/users", ""), "users")
	ada := users[1]
	wantDiff(t, "user", map[string]any{
		"id": ada["id"], "name": "Ada Lovelace", "first_name": "Ada", "last_name": "Lovelace",
		"email":       "Ada.Lovelace@example.com",
		"api_enabled": true, "service_user": false, "status": true, "acls": []any{}, "last_activity": "",
	}, ada)
	for _, what := range []string{"groups", "roles", "policies"} {
		if have := rows(t, request(t, s, "GET", fmt.Sprintf("/v2/users/%s/%s", ada["id"], what), ""), what); len(have) != 0 {
			t.Errorf("who just accepted has the %s %v", what, have)
		}
	}
	if err := s.Accept("ada.lovelace@example.com"); err == nil {
		t.Error("an invitation was accepted twice")
	}
}

func TestAcceptWithAnotherAddress(t *testing.T) {
	t.Parallel()
	s := newServer(t, sandbox.Options{})
	id := invite(t, s, "bob@example.com")
	if err := s.AcceptAs("bob@example.com", "bob@home.example"); err != nil {
		t.Fatal(err)
	}
	i := single(t, request(t, s, "GET", "/v2/invitation/"+id, ""))
	if i["email_invited"] != "bob@example.com" || i["email_registered"] != "bob@home.example" {
		t.Errorf("invited %v, registered %v", i["email_invited"], i["email_registered"])
	}
	if u := s.World().Users[1]; u.Email != "bob@home.example" {
		t.Errorf("the user's address is %s", u.Email)
	}
}

func TestOnePersonAcceptsTwoInvitations(t *testing.T) {
	t.Parallel()
	s := newServer(t, sandbox.Options{Dialect: sandbox.Dialect{Duplicate: sandbox.DuplicateSecond}})
	first, second := invite(t, s, "ada@example.com"), invite(t, s, "ada@example.com")
	states := func() map[string]string {
		m := map[string]string{}
		for _, i := range s.World().Invitations {
			m[i.ID] = i.State
		}
		return m
	}
	if err := s.Accept("ada@example.com"); err != nil {
		t.Fatal(err)
	}
	wantDiff(t, "the newest goes first", map[string]string{first: "pending", second: "accepted"}, states())
	if err := s.Accept("ada@example.com"); err != nil {
		t.Fatal(err)
	}
	wantDiff(t, "both", map[string]string{first: "accepted", second: "accepted"}, states())
	if n := len(s.World().Users); n != 2 {
		t.Errorf("%d users", n)
	}
}

func TestDriveUnknownPeople(t *testing.T) {
	t.Parallel()
	s := newServer(t, sandbox.Options{})
	for name, do := range map[string]func(string) error{
		"accept": func(e string) error { return s.Accept(e) }, "decline": s.Decline,
		"cancel":  s.Cancel,
		"suspend": s.Suspend, "unsuspend": s.Unsuspend, "leave": s.Leave,
	} {
		if err := do("nobody@example.com"); err == nil {
			t.Errorf("%s: nobody did it", name)
		}
	}
	if _, err := s.AddUser(sandbox.User{Email: "ada@example.com"}); err != nil {
		t.Fatal(err)
	}
	for i, do := range []func(string) error{s.Suspend, s.Unsuspend} {
		if err := do("ADA@example.com"); err != nil {
			t.Fatal(err)
		}
		if have, want := s.World().Users[1].Suspended, i == 0; have != want {
			t.Errorf("suspended: %v, want %v", have, want)
		}
	}
}

func TestInvitationExpiresAndIsResent(t *testing.T) {
	t.Parallel()
	s := newServer(t, sandbox.Options{})
	id := invite(t, s, "ada@example.com")
	if err := s.Advance(72 * time.Hour); err != nil {
		t.Fatal(err)
	}
	if err := s.Accept("ada@example.com"); err == nil {
		t.Error("an expired invitation was accepted")
	}
	if state := s.World().Invitations[0].State; state != "expired" {
		t.Errorf("the state is %s", state)
	}
	i := single(t, request(t, s, "POST", "/v2/invitation/"+id+"/resend", ""))
	if i["id"] != id || i["expiration_date"] != "2026-06-07T10:00:00+00:00" ||
		i["date_created"] != "2026-06-01T10:00:00+00:00" {
		t.Errorf("resent: %v", i)
	}
	wantDiff(t, "mails", map[string][]sandbox.Mail{"ada@example.com": {
		{To: "ada@example.com", At: start, InvitationID: id},
		{To: "ada@example.com", At: start.Add(72 * time.Hour), InvitationID: id, Resend: true},
	}}, s.Mails())
	if err := s.Advance(71 * time.Hour); err != nil {
		t.Fatal(err)
	}
	if err := s.Accept("ada@example.com"); err != nil {
		t.Errorf("the new window does not count: %v", err)
	}
}

func TestOnlyPendingInvitationsAreResent(t *testing.T) {
	t.Parallel()
	end := map[string]func(*sandbox.Server, string) error{
		"accepted":  func(s *sandbox.Server, e string) error { return s.Accept(e) },
		"declined":  func(s *sandbox.Server, e string) error { return s.Decline(e) },
		"cancelled": func(s *sandbox.Server, e string) error { return s.Cancel(e) },
	}
	for state, do := range end {
		t.Run(state, func(t *testing.T) {
			t.Parallel()
			s := newServer(t, sandbox.Options{})
			id := invite(t, s, "ada@example.com")
			if err := do(s, "ada@example.com"); err != nil {
				t.Fatal(err)
			}
			i := s.World().Invitations[0]
			if i.State != state || i.Responded.IsZero() {
				t.Errorf("state %s, responded %v", i.State, i.Responded)
			}
			if a := request(t, s, "POST", "/v2/invitation/"+id+"/resend", ""); a.status != 400 {
				t.Errorf("resend: %d %s", a.status, a.body)
			}
			wantDiff(t, "mails", map[string]int{"ada@example.com": 1}, mailCount(s))
			if err := do(s, "ada@example.com"); err == nil {
				t.Error("it ended twice")
			}
		})
	}
}

func TestInviteAgain(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		dialect sandbox.Dialect
		status  int
		rows    int // of the list afterwards
		mails   int
		sameID  bool
	}{
		"refused with 400": {sandbox.Dialect{}, 400, 1, 1, false},
		"refused with 409": {sandbox.Dialect{Duplicate: sandbox.Duplicate409}, 409, 1, 1, false},
		"same object":      {sandbox.Dialect{Duplicate: sandbox.DuplicateSame}, 200, 1, 1, true},
		"second row":       {sandbox.Dialect{Duplicate: sandbox.DuplicateSecond}, 201, 2, 2, false},
		"replaced":         {sandbox.Dialect{Duplicate: sandbox.DuplicateReplace}, 201, 1, 2, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newServer(t, sandbox.Options{Dialect: test.dialect})
			id := invite(t, s, "ada@example.com")
			a := request(t, s, "POST", "/v2/invitation", inviteText("ADA@example.com", "no"))
			if a.status != test.status {
				t.Errorf("status %d, want %d", a.status, test.status)
			}
			if a.status/100 == 2 && (single(t, a)["id"] == id) != test.sameID {
				t.Errorf("the first id is %s, the answer is %s", id, a.body)
			}
			if n := len(rows(t, request(t, s, "GET", "/v2/invitation", ""), "invitations")); n != test.rows {
				t.Errorf("%d rows, want %d", n, test.rows)
			}
			wantDiff(t, "mails", map[string]int{"ada@example.com": test.mails}, mailCount(s))
		})
	}
	t.Run("after it expired", func(t *testing.T) {
		t.Parallel()
		s := newServer(t, sandbox.Options{})
		first := invite(t, s, "ada@example.com")
		if err := s.Advance(73 * time.Hour); err != nil {
			t.Fatal(err)
		}
		if second := invite(t, s, "ada@example.com"); second == first {
			t.Error("a new invitation has the old id")
		}
	})
}

func TestInviteMember(t *testing.T) {
	t.Parallel()
	for dialect, want := range map[sandbox.Dialect]int{{}: 400, {Member: sandbox.Member422}: 422} {
		for _, suspended := range []bool{false, true} {
			s := newServer(t, sandbox.Options{Dialect: dialect})
			if _, err := s.AddUser(sandbox.User{Email: "Ada@example.com", Suspended: suspended}); err != nil {
				t.Fatal(err)
			}
			if a := request(t, s, "POST", "/v2/invitation", inviteText("ada@example.com", "no")); a.status != want {
				t.Errorf("%s, suspended %v: %d, want %d", dialect, suspended, a.status, want)
			}
			wantDiff(t, "mails", map[string]int{}, mailCount(s))
		}
	}
}

func TestRefusedAddressIsNoViolation(t *testing.T) {
	t.Parallel()
	s := newServer(t, sandbox.Options{})
	for _, email := range []string{"ada", "Ada <ada@example.com>", "a b@example.com"} {
		if a := request(t, s, "POST", "/v2/invitation", inviteText(email, "no")); a.status != 400 {
			t.Errorf("%q: %d", email, a.status)
		}
	}
}

func TestLeaveAndComeBack(t *testing.T) {
	t.Parallel()
	s := newServer(t, sandbox.Options{})
	before, err := s.AddUser(sandbox.User{Email: "ada@example.com", Groups: []string{"platform"},
		Roles: []string{"deployer"}, Policies: []string{"billing"}})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Leave("ada@example.com"); err != nil {
		t.Fatal(err)
	}
	if a := request(t, s, "GET", "/v2/users/"+before.ID, ""); a.status != 404 {
		t.Errorf("a removed user: %d", a.status)
	}
	invite(t, s, "ada@example.com")
	if err := s.Accept("ada@example.com"); err != nil {
		t.Fatal(err)
	}
	after := s.World().Users[1]
	if after.ID != before.ID {
		t.Error("the account did not outlive the membership")
	}
	if len(after.Groups)+len(after.Roles)+len(after.Policies) != 0 {
		t.Errorf("access outlived the membership: %+v", after)
	}
	if err := s.Leave("owner@example.com"); err == nil {
		t.Error("the owner left")
	}
}

func TestAddInvitation(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		in   sandbox.Invitation
		want sandbox.Invitation // without Email
		fail bool
	}{
		"plain": {in: sandbox.Invitation{}, want: sandbox.Invitation{State: "pending", Created: start,
			Expires: start.Add(72 * time.Hour)}},
		"old": {in: sandbox.Invitation{Created: start.Add(-80 * time.Hour)},
			want: sandbox.Invitation{State: "expired", Created: start.Add(-80 * time.Hour), Expires: start.Add(-8 * time.Hour)}},
		"expired": {in: sandbox.Invitation{State: "expired"}, want: sandbox.Invitation{State: "expired",
			Created: start.Add(-73 * time.Hour), Expires: start.Add(-time.Hour)}},
		"accepted": {in: sandbox.Invitation{State: "accepted"}, want: sandbox.Invitation{State: "accepted",
			Registered: "ada@example.com", Created: start, Expires: start.Add(72 * time.Hour), Responded: start}},
		"unknown":     {in: sandbox.Invitation{State: "maybe"}, fail: true},
		"not expired": {in: sandbox.Invitation{State: "expired", Created: start}, fail: true},
		"not pending": {in: sandbox.Invitation{State: "pending", Created: start.Add(-73 * time.Hour)}, fail: true},
		"own dates": {in: sandbox.Invitation{Created: start, Expires: start.Add(time.Hour)},
			want: sandbox.Invitation{State: "pending", Created: start, Expires: start.Add(time.Hour)}},
		"declined": {in: sandbox.Invitation{State: "declined", Responded: start.Add(time.Hour)},
			want: sandbox.Invitation{State: "declined", Created: start, Expires: start.Add(72 * time.Hour),
				Responded: start.Add(time.Hour)}},
		"with an id": {in: sandbox.Invitation{ID: "5f0c"}, want: sandbox.Invitation{ID: "5f0c", State: "pending",
			Created: start, Expires: start.Add(72 * time.Hour)}},
		"api enabled": {in: sandbox.Invitation{APIEnabled: true}, want: sandbox.Invitation{APIEnabled: true,
			State: "pending", Created: start, Expires: start.Add(72 * time.Hour)}},
		"cancelled": {in: sandbox.Invitation{State: "cancelled"}, want: sandbox.Invitation{State: "cancelled",
			Created: start, Expires: start.Add(72 * time.Hour), Responded: start}},
		"other person": {in: sandbox.Invitation{State: "accepted", Registered: "a@home.example"},
			want: sandbox.Invitation{State: "accepted", Registered: "a@home.example", Created: start,
				Expires: start.Add(72 * time.Hour), Responded: start}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newServer(t, sandbox.Options{})
			test.in.Email, test.want.Email = "ada@example.com", "ada@example.com"
			have, err := s.AddInvitation(test.in)
			if (err != nil) != test.fail {
				t.Fatalf("error %v", err)
			}
			if test.fail {
				if n := len(s.World().Invitations); n != 0 {
					t.Errorf("%d invitations after a failure", n)
				}
				return
			}
			if test.want.ID == "" {
				test.want.ID = have.ID
			}
			wantDiff(t, "given back", test.want, have)
			wantDiff(t, "in the world", []sandbox.Invitation{test.want}, s.World().Invitations)
			wantDiff(t, "mails", map[string]int{}, mailCount(s))
		})
	}
}
