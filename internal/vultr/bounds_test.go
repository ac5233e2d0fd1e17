package vultr

import (
	"bytes"
	"compress/gzip"
	"net/http"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/orgsync/orgsync/internal/org"
)

// bombs are answers that are small on the wire and large in memory. Each has as many small values
// as fit.
var bombs = map[string]struct{ before, one, after string }{
	"rows":                     {`{"users":[`, `{},`, `{}],"meta":{"total":1}}`},
	"rows with an id":          {`{"users":[`, `{"id":1},`, `{}],"meta":{"total":1}}`},
	"rows that are no objects": {`{"users":[`, `0,`, `0],"meta":{"total":1}}`},
	"members":                  {`{"users":[],"meta":{"total":0}`, `,"k%d":0`, `}`},
	"members of a row":         {`{"users":[{"id":"u1"`, `,"k%d":0`, `}],"meta":{"total":1}}`},
	"members of meta":          {`{"users":[],"meta":{"total":0`, `,"k%d":0`, `}}`},
	"errors":                   {`{"users":[],"errors":[`, `[],`, `[]],"meta":{"total":0}}`},
	"lists in lists":           {`{"users":[[`, `[],`, `[]]],"meta":{"total":1}}`},
	"ACLs":                     {`{"users":[{"id":"u1","acls":[`, `"a",`, `"manage_users"]}],"meta":{"total":1}}`},
	"permissions": {
		`{"users":[{"id":"u1","permissions":{"api_enabled":1`, `,"k%d":0`, `}}],"meta":{"total":1}}`,
	},
	"permissions in a text": {
		`{"users":[{"id":"u1","permissions":"{\"api_enabled\":1`, `,\"k%d\":0`, `}"}],"meta":{"total":1}}`,
	},
	"a date with many members": {
		`{"users":[{"id":"u1","date_created":{"date":1`, `,"k%d":0`, `}}],"meta":{"total":1}}`,
	},
	"a date with many elements": {`{"users":[{"id":"u1","date_created":[`, `0,`, `0]}],"meta":{"total":1}}`},
	"members of a group":        {`{"users":[{"id":"u1","members":[`, `{},`, `{}]}],"meta":{"total":1}}`},
	"members of members": {
		`{"users":[{"id":"u1","members":[{"id":"u1"`, `,"k%d":0`, `}]}],"meta":{"total":1}}`,
	},
	"objects in an error object": {`{"users":[],"error":{"a":[`, `{},`, `{}]},"meta":{"total":0}}`},
}

// zipped returns a compressed answer. Its body has a quarter of the bytes that the client reads at
// most.
func zipped(t *testing.T, before, one, after string) []byte {
	t.Helper()
	var body, out bytes.Buffer
	body.WriteString(before)
	for n := 0; body.Len() < maxAnswer/4; n++ {
		body.WriteString(strings.Replace(one, "%d", strconv.Itoa(n), 1))
	}
	body.WriteString(after)
	w := gzip.NewWriter(&out)
	if _, err := w.Write(body.Bytes()); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// TestSmallAnswersStaySmall checks that a compressed answer of a few KiB does not take gigabytes of
// memory, whether it is decoded or refused. It is not parallel, because it counts all allocations
// of the process.
func TestSmallAnswersStaySmall(t *testing.T) {
	if testing.Short() {
		t.Skip("32 MiB an answer take minutes under the race detector, which runs the short tests")
	}
	// The limit for each request counts all allocations, also those that were freed: the answer,
	// which is read into a growing buffer, and copies of parts of it.
	const most = 200 << 20
	for name, bomb := range bombs {
		t.Run(name, func(t *testing.T) {
			body := zipped(t, bomb.before, bomb.one, bomb.after)
			c := newTestClient(t, func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Type", "application/json")
				w.Header().Set("Content-Encoding", "gzip")
				_, _ = w.Write(body)
			})
			// A row of each kind is decoded.
			l := listing[org.User]{op: "list users", path: "/v2/users", keys: []string{"users"},
				decode: func(f fields) org.User {
					decodeInvitation(f)
					decodeGroup(f).holders()
					decodeRole(f)
					decodePolicy(f)
					accessRow{}.decodeHolder(f)
					return decodeUser(f)
				}}
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			_, err := list(t.Context(), c, l)
			runtime.ReadMemStats(&after)
			n := c.Stats().Requests
			if got := (after.TotalAlloc - before.TotalAlloc) / uint64(n); got > most {
				t.Errorf("an answer of %d KiB took %d MiB of memory (%.200v)", len(body)>>10, got>>20, err)
			}
			// The client may try again after a temporary error, but not after an answer that is too
			// large.
			if passes := strings.Contains(bomb.before, `"error`); passes != (n > 1) {
				t.Errorf("it was asked for %d times, %.200v", n, err)
			}
		})
	}
}

// TestBounds checks that answers of a realistic size are far below the bounds, and that an answer
// that exceeds a bound is refused as a whole.
func TestBounds(t *testing.T) {
	t.Parallel()
	rows := func(n int) string {
		const row = `{"id":"u","name":"a, \\\"b\\\", [c","acls":["a","b"]},`
		return `{"users":[` + strings.TrimSuffix(strings.Repeat(row, n), ",") +
			`],"meta":{"total":1}}`
	}
	for n, ok := range map[int]bool{1: true, perPage: true, maxRows: true, maxRows + 1: false} {
		_, err := list(t.Context(), newTestClient(t, status(200, rows(n))), users)
		if (err == nil) != ok || !ok && !strings.Contains(err.Error(), `"users" has more than 10000 rows`) {
			t.Errorf("%d rows: %v", n, err)
		}
	}
	group := func(n int) world {
		return smallWorld().with(world{
			"/v2/groups": `{"groups":[{"id":"g1","display_name":"platform","members":[` +
				strings.TrimSuffix(strings.Repeat(`{"id":"u1"},`, n), ",") + `]}]}`,
		})
	}
	wanted := org.Wanted{org.KindGroup: {"platform"}}
	for n, ok := range map[int]bool{1: true, maxElements: true, maxElements + 1: false} {
		s, err := group(n).client(t).ReadOrganization(t.Context(), "", wanted)
		if (err == nil) != ok || ok && len(s.Access[0].Holders) != 1 || !ok && !strings.Contains(err.Error(),
			"names more than 50000 of them") {
			t.Errorf("a group of %d members: %v", n, err)
		}
	}
	for raw, want := range map[string]int{
		`[]`: 1, `[1]`: 1, `[1,2]`: 2, `["a,b","\",\"",[1,2,3],{"a":1,"b":2}]`: 4, `{"a":[1,2],"b":",","c":3}`: 3,
		`[[1,2,3`: 1, `"a,b`: 1, `,,,`: 1, ``: 1,
	} {
		if !hasAtMost([]byte(raw), want) || want > 1 && hasAtMost([]byte(raw), want-1) {
			t.Errorf("%s does not have %d elements", raw, want)
		}
	}
	object := func(n int) string { return "{" + strings.TrimSuffix(strings.Repeat(`"a":1,`, n), ",") + "}" }
	for n, ok := range map[int]bool{maxMembers: true, maxMembers + 1: false} {
		if got := decodeObject([]byte(object(n))); (got != nil) != ok {
			t.Errorf("an object of %d members: decoded %t, want %t", n, got != nil, ok)
		}
	}
	for list, want := range map[string]bool{
		"[" + object(perElement) + "," + object(perElement) + "]": true,
		"[{}," + object(2*perElement) + "]":                       true, // on average, as many members
		"[{}," + object(2*perElement+1) + "]":                     false,
		"[{},{},{}]":                                              false,
	} {
		if got := isBoundedList([]byte(list), 2); got != want {
			t.Errorf("%s: at most 2 objects with %d members on average: %t, want %t", list, perElement, got, want)
		}
	}
}
