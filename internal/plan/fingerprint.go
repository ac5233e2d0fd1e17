package plan

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"time"
)

// Fingerprint returns "sha256:" and 64 hexadecimal digits. It is the same for all plans with the same organization
// and the same changes and held changes. Notices and the time of the plan do not count.
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

// identity returns a line that is the same for changes that do the same for the same reason. One --resend or
// --reinvite must not send two mails. So the line of a --resend changes when the invitation is sent again, and the line
// of a --reinvite changes when a run starts to count the person's mails from zero.
func (c Change) identity() string {
	api := "-"
	if c.Detail.APIEnabled != nil {
		api = fmt.Sprint(*c.Detail.APIEnabled)
	}
	// %q keeps fields apart even if they contain spaces or quotes.
	line := fmt.Sprintf("%q %q %q %q %q %q %q %q %q", c.Action, c.Reason, c.Email.Key(), c.UserID, c.InvitationID,
		api, c.Detail.Kind, c.Detail.Name, c.Detail.ID)
	if expires := c.Detail.Expires; !expires.IsZero() {
		line += " expires " + expires.UTC().Format(time.RFC3339Nano)
	}
	if mailed := c.Detail.Mailed; !mailed.IsZero() { // the server may send an invitation again without a new expiration
		line += " mailed " + mailed.UTC().Format(time.RFC3339Nano)
	}
	if from := c.Detail.CountedFrom; !from.IsZero() {
		line += " counted from " + from.UTC().Format(time.RFC3339Nano)
	}
	return line
}
