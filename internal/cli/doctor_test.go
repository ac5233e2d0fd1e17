package cli

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/orgsync/orgsync/internal/sandbox"
)

// TestDoctorDialects checks that doctor suggests the dialect of the simulated API, except for axes that no read
// request shows. doctor must send only GET requests.
func TestDoctorDialects(t *testing.T) {
	t.Parallel()
	for _, named := range sandbox.Dialects() {
		t.Run(named.Name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, sandbox.Options{Dialect: named.Dialect}, func(r *http.Request) {
				if r.Method != http.MethodGet {
					t.Errorf("%s %s is sent", r.Method, r.URL)
				}
			})
			for i := range 7 {
				if _, err := w.api.AddUser(sandbox.User{Email: fmt.Sprintf("u%d@example.com", i), Groups: []string{"everyone"},
					Suspended: i == 0}); err != nil {
					t.Fatal(err)
				}
			}
			for _, state := range []string{"pending", "expired", "accepted"} {
				if _, err := w.api.AddInvitation(sandbox.Invitation{Email: state + "@example.com", State: state}); err != nil {
					t.Fatal(err)
				}
			}
			pinned := "organization: Example Org\n" + threePeople
			if err := os.WriteFile(filepath.Join(w.dir, "users.yaml"), []byte(pinned), 0o600); err != nil {
				t.Fatal(err)
			}
			w.want(w.run(t.Context(), "doctor", "-o", "json"), exitDone, 0)
			var out struct {
				Able    bool
				Sandbox string `json:"sandbox_dialect"`
				Error   any
			}
			if err := json.Unmarshal(w.stdout.Bytes(), &out); err != nil || !out.Able || out.Error != nil {
				t.Fatalf("%v:\n%s", err, &w.stdout)
			}
			got, err := sandbox.ParseDialect(out.Sandbox)
			if err != nil {
				t.Fatal(err)
			}

			want := named.Dialect
			// Only requests that write or remove something show these axes.
			want.ResendID, want.ResendLapsed, want.InviteLapsed, want.Duplicate, want.Member = "", "", "", "", ""
			want.InvitedEmail, want.Patch, want.Removal, want.Asking = "", "", "", ""
			// An invitation that vanished looks like an invitation that never existed.
			if want.Lapsed == sandbox.LapsedVanish {
				want.Lapsed = ""
			}
			want.Accepted, want.Declined = "", ""
			if want.Dates == sandbox.DatesEmpty {
				want.Expiration = sandbox.ExpirationEmpty
			}
			if want.Meta != sandbox.MetaFull {
				want.EndCursor = ""
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("the dialect (-real +proposed):\n%s", diff)
			}
		})
	}
}
