package vultr

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/orgsync/orgsync/internal/org"
)

const invitationPath = "/v2/invitation"

var invitations = listing[org.Invitation]{
	op:      "list invitations",
	path:    invitationPath,
	keys:    []string{"invitations", "invites"}, // SPEC, govultr
	decode:  decodeInvitation,
	isEmpty: func(i org.Invitation) bool { return i.ID == "" && i.Invited.IsZero() },
	// Two invitations with one id and different addresses are two invitations.
	rowID: func(f fields) string { return f.rowID() + " " + f.address("email_invited").Key() },
	// A list may keep the row from before a renewal, or show both states of an invitation that is renewed or accepted
	// during the reading.
	combine: func(earlier, row org.Invitation) org.Invitation {
		if earlier.IsAfter(row) {
			return earlier
		}
		return row
	},
}

// apiEnabledFormat is the form of api_enabled in the request for an invitation, which says whether
// the person may use the API.
type apiEnabledFormat int32

const (
	formatYesNo   apiEnabledFormat = iota + 1 // "yes" or "no" (how-to-invite-a-user-to-an-organization)
	formatBoolean                             // true or false (govultr)
)

// Invite sends one invitation mail. It repeats a request only after [org.NotSent], so the server never acts on two
// requests. A request that may have reached the server is not cancelled at the end of ctx, but up to 10 s later,
// because its answer says whether the mail was sent.
//
// Invite uses the format of api_enabled that the server has accepted before, or else the format of
// the how-to page. If the server rejects that format as a bad request, the error has
// RetryWithBoolean: the server may then understand [Client.InviteWithBoolean].
//
// An error is an [*org.CallError]. The receipt has the number of requests, also with an error, and
// what the answer says about the invitation. The caller must check that the invitation is for the
// right organization.
func (c *Client) Invite(ctx context.Context, to org.Address, apiEnabled bool) (org.Receipt, error) {
	known := apiEnabledFormat(c.format.Load())
	receipt, err := c.invite(ctx, to, apiEnabled, cmp.Or(known, formatYesNo))
	if failure, ok := errors.AsType[*org.CallError](err); ok {
		badRequest := failure.Status == http.StatusBadRequest || failure.Status == http.StatusUnprocessableEntity
		failure.RetryWithBoolean = known == 0 && badRequest
	}
	return receipt, err
}

// InviteWithBoolean is [Client.Invite] in the format of govultr.
func (c *Client) InviteWithBoolean(ctx context.Context, to org.Address, apiEnabled bool) (org.Receipt, error) {
	return c.invite(ctx, to, apiEnabled, formatBoolean)
}

// invite sends an invitation in one format, and remembers the format if the server accepts it.
func (c *Client) invite(
	ctx context.Context, to org.Address, apiEnabled bool, format apiEnabledFormat,
) (org.Receipt, error) {
	var body struct {
		Email       string `json:"email_invited"`
		Permissions struct {
			APIEnabled any `json:"api_enabled"`
		} `json:"permissions"`
	}
	body.Email = to.String()
	switch {
	case format == formatBoolean:
		body.Permissions.APIEnabled = apiEnabled
	case apiEnabled:
		body.Permissions.APIEnabled = "yes"
	default:
		body.Permissions.APIEnabled = "no"
	}
	receipt, err := c.mail(ctx, to, call{op: "invite", target: to.String(), method: http.MethodPost, path: invitationPath,
		body: body})
	if err == nil {
		c.format.Store(int32(format))
	}
	return receipt, err
}

// Resend renews the invitation with this id. The server then mails it again to its address, which is to. Requests are
// repeated and cancelled as in [Client.Invite]. The receipt may have another id: the documents do not say whether a
// renewed invitation keeps its id.
func (c *Client) Resend(ctx context.Context, id string, to org.Address) (org.Receipt, error) {
	q := call{op: "resend to", target: to.String(), method: http.MethodPost}
	id, err := pathID(id)
	if err != nil {
		return org.Receipt{}, q.failed(org.Refused, 0, "", err)
	}
	q.path = invitationPath + "/" + id + "/resend"
	return c.mail(ctx, to, q)
}

// Invitation reads one invitation by its id. An error is an [*org.CallError]. Its status is 404 if
// the API has no such invitation. The documents do not say whether an expired invitation can still
// be read.
func (c *Client) Invitation(ctx context.Context, id string) (org.Invitation, error) {
	q := call{op: "read the invitation", target: id}
	checked, err := pathID(id)
	if err != nil {
		q.target = "" // err has the id, and in a form that can be printed
		return org.Invitation{}, q.failed(org.NotSent, 0, "", err)
	}
	q.path = invitationPath + "/" + checked
	a, err := c.read(ctx, q)
	if err != nil {
		return org.Invitation{}, err
	}
	invitation := decodeInvitation(a.fields.unwrap("invitation"))
	if invitation.ID != id {
		return org.Invitation{}, q.failed(org.Unreadable, a.status,
			c.CleanText(fmt.Sprintf("the answer is about the invitation %q", invitation.ID)), nil)
	}
	return invitation, nil
}

func (c *Client) mail(ctx context.Context, to org.Address, q call) (org.Receipt, error) {
	if to.IsZero() {
		return org.Receipt{}, q.failed(org.NotSent, 0, "there is no address to mail to", nil)
	}
	a, requests, err := c.write(ctx, q)
	receipt := org.Receipt{Requests: requests}
	if err != nil {
		return receipt, err
	}
	receipt.Invitation, err = decodeSent(a.fields, to, c.Now())
	if err != nil {
		return receipt, q.failed(org.Unreadable, a.status, c.CleanText(err.Error()), nil)
	}
	return receipt, nil
}

// decodeSent decodes the answer to an invitation that was sent to an address. now is the server's
// time. An error means that the answer does not confirm the mail. Then the invitation has what could
// be decoded, without an unusable id.
func decodeSent(top fields, to org.Address, now time.Time) (org.Invitation, error) {
	top = top.unwrap("invitation")
	invitation := decodeInvitation(top)
	if !IsValidID(invitation.ID) {
		invitation.ID = ""
		return invitation, errors.New("the answer has no usable invitation id")
	}
	if !invitation.Invited.Equal(to) {
		return invitation, fmt.Errorf("the answer is about %q", top.text("email_invited"))
	}
	if status := wordStatus(invitation.StatusText); status == org.StatusPending {
		invitation.Status, invitation.StatusIfSentAgain = status, "" // sent just now, so a response in it is older
	}
	return invitation, checkOpen(invitation, top, now)
}

// checkOpen returns an error if f shows that its invitation i cannot be accepted at now.
func checkOpen(i org.Invitation, f fields, now time.Time) error {
	created, ends := i.Created.Format(time.RFC3339), i.Expires.Format(time.RFC3339)
	switch {
	case i.StatusText == "" && i.Status != org.StatusUnknown:
		return fmt.Errorf("the answer is about an invitation that is %s", i.Status)
	case i.Status != org.StatusPending && i.StatusText != "" && !isYesStatus(f):
		return fmt.Errorf("the answer is about an invitation that is %q", i.StatusText)
	case i.Expires.IsZero():
		return nil
	case i.Expires.Before(i.Created):
		return fmt.Errorf("the answer is about an invitation that expires at %s, before it was created at %s", ends, created)
	case i.Expires.Before(now.Truncate(time.Second)): // it is still valid at exactly its expiry time
		return fmt.Errorf("the answer is about an invitation that expired at %s", ends)
	}
	return nil
}

// isYesStatus reports whether the status in f is a number or a bool that means yes. Such a status is
// about the request, not about the invitation.
func isYesStatus(f fields) bool {
	if f.state("invite_status") != "" || kindOf(f["status"]) == "text" {
		return false
	}
	text := f.text("status")
	return text != "false" && wholeNumber(text) != 0
}

func decodeInvitation(f fields) org.Invitation {
	invitation := org.Invitation{
		ID:         f.text("id"),
		Invited:    f.address("email_invited"),
		Registered: f.address("email_registered"),
		OrgID:      intern(f.text("org_id")),
		OrgName:    intern(f.name("org_name")),
		APIEnabled: decodePermissions(f).flag("api_enabled"),
	}
	invitation.Unidentified = f.isUnidentified("email_invited", invitation.Invited)
	var created, responded, expires bool
	invitation.Created, created = f.date("date_created")
	invitation.Responded, responded = f.date("date_responded")
	invitation.Expires, expires = f.date("expiration_date")
	invitation.DateUnreadable = !created || !responded || !expires
	// The documents explain invite_status. They do not explain status, which may be beside it.
	invitation.StatusText = intern(cmp.Or(f.state("invite_status"), f.state("status")))
	invitation.Status = statusOf(invitation)
	if invitation.Status.IsUnanswered() {
		// One field may say that the invitation was answered, and the other that it was not.
		isAnswered := f.text("email_registered") != "" && !invitation.Responded.IsZero() // also a masked address
		if wordStatus(f.text("status")).IsAnswered() || isAnswered && !wasSentAgain(invitation) {
			invitation.Status, invitation.StatusIfSentAgain = org.StatusUnknown, invitation.Status
		}
	}
	return invitation
}

// wasSentAgain reports whether i, which has a response date, was certainly sent after that date. The server may keep
// the old answer.
func wasSentAgain(i org.Invitation) bool {
	sent := i.Created
	if !i.Expires.IsZero() {
		sent = i.Expires.Add(-org.InvitationLife)
	}
	return i.WasAnsweredBefore(sent)
}

// Invitations returns all invitations that the API lists. The caller must check that they are for
// the right organization.
func (c *Client) Invitations(ctx context.Context) ([]org.Invitation, error) {
	return list(ctx, c, invitations)
}

// decodePermissions returns the permissions of an invitation: an object (govultr), or the object in
// a string (SPEC). It returns nil if there is neither.
func decodePermissions(f fields) fields {
	if p := f.object("permissions"); p != nil {
		return p
	}
	return decodeObject(json.RawMessage(f.text("permissions")))
}

// statusOf returns the status for the text of the server. Without a text, an invitation counts as
// accepted only if it has both a registered address and a response date. If it has only one of
// them, it may have been declined, or the address may have had an account before. The status is then
// unknown, so that no mail is sent on a guess.
func statusOf(i org.Invitation) org.InvitationStatus {
	if i.StatusText == "" && !i.Registered.IsZero() && !i.Responded.IsZero() {
		return org.StatusAccepted
	}
	return wordStatus(i.StatusText)
}

var separatorsAsSpaces = strings.NewReplacer("_", " ", "-", " ")

// wordStatus returns the status for a word of the server. The words of the web console begin with
// "Invite".
func wordStatus(text string) org.InvitationStatus {
	words := strings.Fields(separatorsAsSpaces.Replace(strings.ToLower(text)))
	if len(words) == 2 && (words[0] == "invite" || words[0] == "invitation") {
		words = words[1:]
	}
	switch strings.Join(words, " ") {
	case "pending":
		return org.StatusPending
	case "accepted":
		return org.StatusAccepted
	case "expired":
		return org.StatusExpired
	case "declined", "rejected":
		return org.StatusDeclined
	case "cancelled", "canceled", "revoked":
		return org.StatusCancelled
	}
	return org.StatusUnknown
}
