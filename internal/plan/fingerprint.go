package plan

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
)

// Fingerprint is equal for plans that would do the same to the same organization, whenever they were made: "sha256:"
// and 64 hexadecimal digits. Notices do not count.
func (p Plan) Fingerprint() string {
	h := sha256.New()
	fmt.Fprintf(h, "%q\n", p.Organization.ID)
	for _, changes := range [][]Change{p.Changes, p.Held} {
		for _, c := range changes {
			fmt.Fprintln(h, c.identity())
		}
		fmt.Fprintln(h, "held")
	}
	return "sha256:" + hex.EncodeToString(h.Sum(nil))
}

// identity is one line that is equal for changes that do the same for the same reason.
func (c Change) identity() string {
	api := "-"
	if c.Detail.APIEnabled != nil {
		api = fmt.Sprint(*c.Detail.APIEnabled)
	}
	// %q keeps the fields apart whatever is in them.
	return fmt.Sprintf("%q %q %q %q %q %q %q %q %q", c.Action, c.Reason, c.Email.Key(), c.UserID, c.InvitationID,
		api, c.Detail.Kind, c.Detail.Name, c.Detail.ID)
}
