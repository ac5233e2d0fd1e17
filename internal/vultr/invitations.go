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
	op:     "list invitations",
	path:   invitationPath,
	keys:   []string{"invitations", "invites"}, // SPEC, govultr
	decode: decodeInvitation,
}

// apiEnabledFormat is how the request for an invitation says whether its person may use the API.
type apiEnabledFormat int32

const (
	formatYesNo   apiEnabledFormat = iota + 1 // "yes" or "no" (how-to-invite-a-user-to-an-organization)
	formatBoolean                             // true or false (govultr)
)

// Invite sends one invitation mail. "Sent once" is a promise: after any failure but [org.NotSent] no second request
// was made. Once admitted by the limiter it is finished, at most 10 s beyond the end of ctx.
//
// It is worded as the server took an invitation before or, as long as it took none, as the how-to page has it. Where that
// is refused as a bad request, the error's Otherwise says that [Client.InviteOtherwise] may be understood.
//
// An error is an [*org.CallError]. The receipt counts the requests in any case, and has what the answer told of the
// invitation. Whose organization it is in is for the caller to check.
func (c *Client) Invite(ctx context.Context, to org.Address, apiEnabled bool) (org.Receipt, error) {
	known := apiEnabledFormat(c.format.Load())
	receipt, err := c.invite(ctx, to, apiEnabled, cmp.Or(known, formatYesNo))
	var failure *org.CallError
	if errors.As(err, &failure) {
		badRequest := failure.Status == http.StatusBadRequest || failure.Status == http.StatusUnprocessableEntity
		failure.Otherwise = known == 0 && badRequest
	}
	return receipt, err
}

// InviteOtherwise is [Client.Invite] in the wording of govultr.
func (c *Client) InviteOtherwise(ctx context.Context, to org.Address, apiEnabled bool) (org.Receipt, error) {
	return c.invite(ctx, to, apiEnabled, formatBoolean)
}

// invite sends an invitation in one wording, which is kept to if the server takes it.
func (c *Client) invite(ctx context.Context, to org.Address, apiEnabled bool, w apiEnabledFormat) (org.Receipt, error) {
	var body struct {
		Email       string `json:"email_invited"`
		Permissions struct {
			APIEnabled any `json:"api_enabled"`
		} `json:"permissions"`
	}
	body.Email = to.String()
	switch {
	case w == formatBoolean:
		body.Permissions.APIEnabled = apiEnabled
	case apiEnabled:
		body.Permissions.APIEnabled = "yes"
	default:
		body.Permissions.APIEnabled = "no"
	}
	receipt, err := c.mail(ctx, to, call{op: "invite", target: to.String(), method: http.MethodPost, path: invitationPath, body: body})
	if err == nil {
		c.format.Store(int32(w))
	}
	return receipt, err
}

// Resend renews the invitation id and mails it again to the address it was for. It promises what [Client.Invite] does.
// The answer may name another id: the documents do not say whether a renewed invitation keeps its own.
func (c *Client) Resend(ctx context.Context, id string, to org.Address) (org.Receipt, error) {
	q := call{op: "resend to", target: to.String(), method: http.MethodPost}
	id, err := pathID(id)
	if err != nil {
		return org.Receipt{}, q.failed(org.Refused, 0, "", err)
	}
	q.path = invitationPath + "/" + id + "/resend"
	return c.mail(ctx, to, q)
}

// Invitation reads one invitation by its id. The error is an [*org.CallError]; Status 404 means that the API does not know
// the id, or no longer: whether a lapsed invitation can still be read is not documented.
func (c *Client) Invitation(ctx context.Context, id string) (org.Invitation, error) {
	q := call{op: "read the invitation", target: id}
	checked, err := pathID(id)
	if err != nil {
		q.target = "" // the error has it, escaped
		return org.Invitation{}, q.failed(org.NotSent, 0, "", err)
	}
	q.path = invitationPath + "/" + checked
	a, err := c.read(ctx, q)
	if err != nil {
		return org.Invitation{}, err
	}
	invitation := decodeInvitation(unwrapInvitation(a.fields))
	if invitation.ID != id {
		return org.Invitation{}, q.failed(org.Unreadable, a.status, c.clean(fmt.Sprintf("the answer is about the invitation %q", invitation.ID)), nil)
	}
	return invitation, nil
}

// unwrapInvitation is the invitation in an answer that has one: the answer itself (govultr), or what it wraps (SPEC).
func unwrapInvitation(top fields) fields {
	if wrapped := top.object("invitation"); wrapped != nil {
		return wrapped
	}
	return top
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
		return receipt, q.failed(org.Unreadable, a.status, c.clean(err.Error()), nil)
	}
	return receipt, nil
}

// decodeSent reads the answer to an invitation for to, which came at now by the server's clock. An
// error means that the answer does not say that a mail is on its way; what could be read is
// returned beside it, without an id that cannot be used.
func decodeSent(top fields, to org.Address, now time.Time) (org.Invitation, error) {
	top = unwrapInvitation(top)
	invitation := decodeInvitation(top)
	if !isID(invitation.ID) {
		invitation.ID = ""
		return invitation, errors.New("the answer has no usable invitation id")
	}
	if !invitation.Invited.Equal(to) {
		return invitation, fmt.Errorf("the answer is about %q", top.text("email_invited"))
	}
	return invitation, checkOpen(invitation, top, now)
}

// checkOpen returns an error that says why the invitation i, which was read from f, cannot be
// accepted at now; nil when it can be, as far as f tells.
func checkOpen(i org.Invitation, f fields, now time.Time) error {
	created, ends := i.Created.Format(time.RFC3339), i.Expires.Format(time.RFC3339)
	switch {
	case i.Status != org.StatusPending && i.StatusText == "" && i.Status != org.StatusUnknown:
		return fmt.Errorf("the answer is about an invitation that is %s", i.Status)
	case i.Status != org.StatusPending && i.StatusText != "" && !isYesStatus(f):
		return fmt.Errorf("the answer is about an invitation that is %q", i.StatusText)
	case i.Expires.IsZero():
		return nil
	case i.Expires.Before(i.Created):
		return fmt.Errorf("the answer is about an invitation that ends at %s, before it was made at %s", ends, created)
	case i.Expires.Before(now.Truncate(time.Second)): // at the very second of its end it can still be accepted
		return fmt.Errorf("the answer is about an invitation that ended at %s", ends)
	}
	return nil
}

// isYesStatus reports whether the status in f is a number or a bool and says yes, which is no word
// about the invitation.
func isYesStatus(f fields) bool {
	if f.text("invite_status") != "" || kindOf(f["status"]) == "text" {
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
	var created, responded, expires bool
	invitation.Created, created = f.date("date_created")
	invitation.Responded, responded = f.date("date_responded")
	invitation.Expires, expires = f.date("expiration_date")
	invitation.DateUnreadable = !created || !responded || !expires
	// The documents speak of invite_status only; what status means beside it is not documented.
	if invitation.StatusText = f.text("invite_status"); invitation.StatusText == "" {
		invitation.StatusText = f.text("status")
	}
	invitation.StatusText = intern(invitation.StatusText)
	invitation.Status = statusOf(invitation)
	return invitation
}

// Invitations returns all invitations that the API lists. Whose organization they are in is for the caller to check.
func (c *Client) Invitations(ctx context.Context) ([]org.Invitation, error) {
	return list(ctx, c, invitations)
}

// decodePermissions is an object (govultr), or a string (SPEC) that may hold one.
func decodePermissions(f fields) fields {
	if p := f.object("permissions"); p != nil {
		return p
	}
	return decodeObject(json.RawMessage(f.text("permissions")))
}

// statusOf folds the server's word. Without a word only one thing is sure: who has both registered and responded has
// accepted. Anything less may be a refusal, or the account that an address already had, so it stays unknown: a person looks at
// it, and nobody is mailed on a guess.
func statusOf(i org.Invitation) org.InvitationStatus {
	switch strings.ToLower(i.StatusText) {
	case "pending", "invite pending": // the console's words
		return org.StatusPending
	case "accepted":
		return org.StatusAccepted
	case "expired":
		return org.StatusExpired
	case "declined", "rejected":
		return org.StatusDeclined
	case "cancelled", "canceled", "revoked":
		return org.StatusCancelled
	case "":
		if !i.Registered.IsZero() && !i.Responded.IsZero() {
			return org.StatusAccepted
		}
	}
	return org.StatusUnknown
}
