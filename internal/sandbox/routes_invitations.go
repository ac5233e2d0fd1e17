package sandbox

import (
	"errors"
	"fmt"
	"net/http"
	"net/mail"
	"strings"
	"time"
)

const inviteNotFound = "Invite not found" // the text that Vultr's Terraform provider looks for

// invitationRequest is the body of POST /v2/invitation.
type invitationRequest struct {
	email      string
	apiEnabled bool
	form       string // the form of api_enabled: AskingYesNo or AskingBool
}

// inviteBody parses the two known forms of the body (how-to-invite-a-user-to-an-organization, govultr). It returns an
// error for any other body.
func inviteBody(body []byte) (any, error) {
	top, err := parseFields(body, "email_invited", "permissions")
	if err != nil {
		return nil, err
	}
	email, err := top.text("email_invited")
	if err != nil {
		return nil, err
	}
	permissions, err := parseFields(top["permissions"], "api_enabled")
	if err != nil {
		return nil, fmt.Errorf("permissions: %w", err)
	}
	switch enabled := string(permissions["api_enabled"]); enabled {
	case `"yes"`, `"no"`:
		return invitationRequest{email, enabled == `"yes"`, AskingYesNo}, nil
	case "true", "false":
		return invitationRequest{email, enabled == "true", AskingBool}, nil
	default:
		return nil, errors.New(`permissions.api_enabled must be "yes" or "no", or true or false`)
	}
}

func createInvitation(c *call) *reply {
	in := c.body.(invitationRequest)
	if c.dialect.Asking != AskingEither && c.dialect.Asking != in.form {
		return refuse(http.StatusBadRequest, "Invalid permissions: "+c.dialect.wantedAPIEnabled())
	}
	if parsed, err := mail.ParseAddress(in.email); err != nil || parsed.Address != in.email {
		return refuse(http.StatusBadRequest, "Invalid email address: email_invited must be a bare address, as in "+
			"ada@example.com")
	}
	i, status, refused := c.invite(c.dialect, c.now, in.email, in.apiEnabled)
	if refused != nil {
		return refused
	}
	return c.singleObject(status, "invitation", c.invitationObject(i, c.moment(false)))
}

func listInvitations(c *call) *reply {
	m := c.moment(true)
	key := "invitations"
	if c.dialect.InvitationsKey == InvitationsShort {
		key = "invites"
	}
	rows := c.listedInvitations(c.dialect, m)
	return listOf(c, key, m, rows, func(i Invitation) object { return c.invitationObject(i, m) })
}

func getInvitation(c *call) *reply {
	return c.singleObject(http.StatusOK, "invitation", c.invitationObject(c.invitation, c.moment(false)))
}

func resendInvitation(c *call) *reply {
	i, refused := c.resend(c.dialect, c.now, c.invitation)
	if refused != nil {
		return refused
	}
	return c.singleObject(http.StatusOK, "invitation", c.invitationObject(i, c.moment(false)))
}

// invitationObject returns the object for i. m decides whether i has expired.
func (c *call) invitationObject(i Invitation, m moment) object {
	d, owner := c.dialect, c.owner()
	state := i.stateAt(m.at)
	if state == stateExpired && d.Lapsed != LapsedMarked {
		state = statePending
	}
	email, registered := i.Email, i.Registered
	if d.InvitedEmail == InvitedLower {
		email = strings.ToLower(email)
	}
	o := object{
		"id": i.ID, "inviter_name": d.text(owner.Name), "inviter_email": d.text(owner.Email),
		"email_invited": d.text(email), "email_registered": d.text(registered),
		"permissions": permissions(d, i.APIEnabled),
		"org_id":      c.Organization.ID, "org_name": c.Organization.Name,
		"invite_status": statusWord(d, state),
		"date_created":  d.date(i.Created), "date_responded": d.date(i.Responded), "expiration_date": d.date(i.Expires),
	}
	switch d.StatusField {
	case StatusText:
		o["status"] = state
	case StatusNumber:
		o["status"] = statusNumbers[state]
	}
	switch d.Expiration {
	case ExpirationNull:
		o["expiration_date"] = nil
	case ExpirationEmpty:
		o["expiration_date"] = ""
	}
	switch {
	case c.hasFault(FaultWrongPerson):
		o["email_invited"], o["email_registered"] = WrongPersonEmail, ""
	case c.hasFault(FaultWrongOrganization):
		o["org_id"], o["org_name"] = strangerOrganization, "Strange Org"
	case c.hasFault(FaultNoID):
		o["id"] = ""
	case c.hasFault(FaultExpired):
		o["date_created"], o["expiration_date"] = d.date(c.now.Add(-invitationLife-time.Hour)), d.date(c.now.Add(-time.Hour))
	}
	return o
}

var statusNumbers = map[string]int{statePending: 1, stateAccepted: 2, stateExpired: 3, stateDeclined: 4,
	stateCancelled: 5}

func statusWord(d Dialect, state string) string {
	switch d.StatusWords {
	case WordsLower:
		return state
	case WordsUpper:
		return strings.ToUpper(state)
	}
	return strings.ToUpper(state[:1]) + state[1:]
}

func permissions(d Dialect, apiEnabled bool) any {
	word, number, text := "no", 0, ""
	if apiEnabled {
		word, number, text = "yes", 1, "api_enabled"
	}
	switch d.Permissions {
	case PermissionsYesNo:
		return object{"api_enabled": word}
	case PermissionsNumber:
		return object{"api_enabled": number}
	case PermissionsJSON:
		return fmt.Sprintf(`{"api_enabled":%t}`, apiEnabled)
	case PermissionsText:
		return text
	case PermissionsNull:
		return nil
	case PermissionsList:
		return []string{}
	}
	return object{"api_enabled": apiEnabled}
}
