// Package org has the types that most packages share: addresses, users, invitations, the organization, the answers of
// the API, and the memory of earlier runs. It makes no decisions, and reads and writes nothing.
package org

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// Organization is a Vultr organization. ID or Name is "" if the API did not show it.
type Organization struct {
	ID   string
	Name string
}

// Is reports whether pin, the `organization` line of a roster, is the id or the name of o. It ignores upper and lower
// case, and HTML escapes in names.
func (o Organization) Is(pin string) bool {
	name := func(s string) string { return strings.TrimSpace(UnescapeHTML(s)) }
	return o.ID != "" && strings.EqualFold(pin, o.ID) || o.Name != "" && strings.EqualFold(name(pin), name(o.Name))
}

// User is a user of the organization: a person or a service.
type User struct {
	ID    string
	Email Address // zero if the server gave no valid address, as for some service users
	// Unidentified is true if the server gave no address, or one in an unknown form. The user may then be anybody in the
	// roster. It is false for service users.
	Unidentified bool
	// AddressMissing is true if the server gave no text at all for the address. It is false for service users.
	AddressMissing bool
	Name           string
	APIEnabled     *bool // nil if the server did not say
	Service        bool  // a service user, which orgsync never invites
	// ServiceUnknown is true if the user may be a service user. Then orgsync takes nothing from the user, unless the
	// ledger knows the user as a person.
	ServiceUnknown bool
	Suspended      bool
	// SuspendedListed is true if the list of suspended users has the user. Then Suspended does not come from the user's
	// status, which may only mean that the user has not accepted the invitation.
	SuspendedListed bool
	// StatusText is the server's status of the user if it is a word that orgsync does not understand, or if it may only
	// mean that the user has not accepted the invitation; otherwise "". If it is not "", Suspended is true.
	StatusText string
	// Admin is true if the ACLs of the user allow them to manage users. Policies may allow this too, but Admin ignores
	// them.
	Admin bool
	// Accepted is the API's invite_accepted (vultr/vultr-mcp openapi.json, GET /v2/users/{id}); nil if the server did
	// not say. If it is false, the user was invited and is not a member yet.
	Accepted *bool
	// NotFound is true if the list has the user, but the API has no user with this id. The list may be out of date, so it
	// does not prove that somebody has accepted an invitation.
	NotFound bool
	// SeenOnce is true if only one of two readings of the list showed the user. Such a user counts as a member, and
	// orgsync takes nothing from them.
	SeenOnce bool
}

// InvitationStatus is the status of an invitation.
type InvitationStatus string

// The statuses. Vultr documents only pending and accepted (how-to-invite-a-user-to-an-organization). StatusExpired,
// StatusDeclined and StatusCancelled are guesses from similar APIs. StatusUnknown means any other word.
const (
	StatusPending   InvitationStatus = "pending"
	StatusAccepted  InvitationStatus = "accepted"
	StatusExpired   InvitationStatus = "expired"
	StatusDeclined  InvitationStatus = "declined"
	StatusCancelled InvitationStatus = "cancelled"
	StatusUnknown   InvitationStatus = "unknown"
)

// IsAnswered reports whether s is accepted, declined or cancelled.
func (s InvitationStatus) IsAnswered() bool {
	return s == StatusAccepted || s == StatusDeclined || s == StatusCancelled
}

// IsUnanswered reports whether s is pending or expired.
func (s InvitationStatus) IsUnanswered() bool { return s == StatusPending || s == StatusExpired }

// InvitationLife is how long an invitation can be accepted after it was sent (docs.vultr.com,
// what-is-the-validity-period-of-an-organization-invitation).
const InvitationLife = 72 * time.Hour

// Invitation is an invitation in the organization's list. Times are zero if the server gave none.
type Invitation struct {
	ID      string
	Invited Address // zero if the server's text is not a valid address
	// Unidentified is true if the server gave no invited address, or one in an unknown form. The invitation may then be
	// for anybody in the roster.
	Unidentified bool
	Registered   Address // the address of the user who answered the invitation; zero if there is none
	OrgID        string  // "" if the server did not say
	OrgName      string
	Status       InvitationStatus
	StatusText   string // the server's word for the status, which may be any text
	// StatusIfSentAgain is set if Status is StatusUnknown because one field says that somebody answered the invitation
	// and another that nobody did. If orgsync sent the invitation again after the answer, StatusIfSentAgain is its real
	// status.
	StatusIfSentAgain InvitationStatus
	APIEnabled        *bool // nil if the server did not say
	Created           time.Time
	Responded         time.Time
	Expires           time.Time
	// DateUnreadable is true if a date of the server has an unknown form. orgsync does not guess such a date. If the
	// date matters, it sends the person no mail.
	DateUnreadable bool
	// SeenOnce is true if only one of two readings has the invitation with this expiration date. The other reading may be
	// older. See [Snapshot.Merge].
	SeenOnce bool
}

// IsForOther reports whether the server said that i is for another organization than the one with this id. The result
// is false if one of the ids is not known.
func (i Invitation) IsForOther(organization string) bool {
	return i.OrgID != "" && organization != "" && !strings.EqualFold(i.OrgID, organization)
}

// ExpiresAt returns the time after which i can no longer be accepted: the date that the server gave or, without one,
// [InvitationLife] after i was created. A date before the creation does not count. The result is zero if the server
// gave neither date.
func (i Invitation) ExpiresAt() time.Time {
	if !i.Expires.IsZero() && !i.Expires.Before(i.Created) {
		return i.Expires
	}
	if !i.Created.IsZero() {
		return i.Created.Add(InvitationLife)
	}
	return time.Time{}
}

// SentAt returns when i was created or, if the server did not say, when it was sent last: [InvitationLife] before it
// expires. The result is zero if the server gave neither date.
func (i Invitation) SentAt() time.Time {
	if i.Created.IsZero() && !i.Expires.IsZero() {
		return i.Expires.Add(-InvitationLife)
	}
	return i.Created
}

// WasAnsweredBefore reports whether the server says that i was answered, and this was certainly before t.
func (i Invitation) WasAnsweredBefore(t time.Time) bool {
	const zones = 14 * time.Hour // a date without a zone may be wrong by this much
	return !i.Responded.IsZero() && i.Responded.Before(t.Add(-zones))
}

// Snapshot is the result of one complete reading of the organization.
type Snapshot struct {
	Organization Organization
	// Now is the server's time at the beginning of the reading, from the Date of its answers.
	Now time.Time
	// PinConfirmed is true if an answer of the API names the organization: the list of organizations, an invitation, or
	// a list of the organization's suspended users that is not empty. If it is false, only the roster names the
	// organization.
	PinConfirmed bool
	// Paged is true if the users, the suspended users or the invitations came in more than one page. A user or an
	// invitation that moved to another page during the reading may be missing then.
	Paged bool
	// Users has each user once, including the suspended users.
	Users []User
	// UsersVisible is false if the key may not list users (403). Users then has only suspended users.
	UsersVisible bool
	// SuspendedVisible is false if the suspended users cannot be listed (403, 404).
	SuspendedVisible bool
	// Self is the address of the key's own user, from GET /v2/account; zero if the API does not show it.
	Self Address
	// Access has all groups, roles and policies of the kinds that the reading asked for. Holders is complete only if the
	// reading asked for this group, role or policy by name or id. Otherwise it has the users that the list shows.
	Access []Access
	// OtherHolders has the addresses of people who have a group, role or policy, and are not in Users. After
	// [Snapshot.Merge], it has those who are missing in the Users of at least one of the two readings.
	OtherHolders []Address
	// Invitations has all invitations that the server lists. It may leave out expired or accepted invitations.
	Invitations []Invitation
}

// ErrNoOrganizationID says that the API shows no id of the organization, which the ledger needs.
var ErrNoOrganizationID = errors.New("the API shows no id of the organization on which the key acts")

// CheckSameOrganization returns a [*PinError] if an invitation is for an organization other than o. pin is the
// organization of the roster.
func CheckSameOrganization(o Organization, pin string, invitations []Invitation) error {
	for _, i := range invitations {
		if i.IsForOther(o.ID) {
			return &PinError{Pin: pin, Have: []Organization{o, {ID: i.OrgID, Name: i.OrgName}}}
		}
	}
	return nil
}

// PinError says that the key acts on another organization than the roster names, or that the key can see several
// organizations and the roster does not name exactly one of them.
type PinError struct {
	// Pin is the `organization` line of the roster. It is "" if the roster has no such line and the key can see several
	// organizations.
	Pin string
	// Have has the organizations that the key can see.
	Have []Organization
}

// Error returns a message with Pin and the organizations of Have.
func (e *PinError) Error() string {
	if len(e.Have) == 0 {
		return fmt.Sprintf("the roster is for the organization %q, and the key shows none", e.Pin)
	}
	names := make([]string, len(e.Have))
	for i, o := range e.Have {
		names[i] = fmt.Sprintf("%q (%s)", o.Name, o.ID)
	}
	if e.Pin == "" {
		return fmt.Sprintf("the key shows several organizations, %s, and the roster names none of them",
			strings.Join(names, ", "))
	}
	if e.IsAmbiguous() {
		return fmt.Sprintf("the key shows several organizations of the name %q: %s", e.Pin, strings.Join(names, ", "))
	}
	return fmt.Sprintf("the roster is for the organization %q, but the key belongs to %s", e.Pin,
		strings.Join(names, ", "))
}

// IsAmbiguous reports whether the key can see several organizations with the name in the roster.
func (e *PinError) IsAmbiguous() bool {
	named := 0
	for _, o := range e.Have {
		if e.Pin != "" && o.Is(e.Pin) {
			named++
		}
	}
	return named > 1
}
