// Package org holds the nouns that every other package speaks of: addresses, users, invitations and the organization
// they belong to, what a write to the API answered, and what earlier runs remember. It decides nothing and does
// nothing.
package org

import (
	"fmt"
	"strings"
	"time"
)

// Organization is one Vultr organization. An empty ID means that the key was not allowed to see it.
type Organization struct {
	ID   string
	Name string
}

// Is reports whether pin, a roster's `organization` line, names o by its id or, without regard to
// case, by its name. Either name may be escaped for HTML.
func (o Organization) Is(pin string) bool {
	name := func(s string) string { return strings.TrimSpace(Unescape(s)) }
	return o.ID != "" && strings.EqualFold(pin, o.ID) || o.Name != "" && strings.EqualFold(name(pin), name(o.Name))
}

// User is somebody, or something, that is in the organization.
type User struct {
	ID         string
	Email      Address // zero when the server gave none that can be read, as for some service users
	Name       string
	APIEnabled *bool // nil: the server did not say
	Service    bool  // a service user: never invited, never reported
	Suspended  bool
	// Admin is true when the user's ACLs let them manage users. It says nothing about what policies allow.
	Admin bool
	// Accepted is the API's invite_accepted (vultr/vultr-mcp openapi.json, GET /v2/users/{id}); nil: the server did not
	// say. A user for whom it is false was invited and is not a member yet.
	Accepted *bool
	// SeenOnce is true when only one of two readings of the list showed the user. Such a user counts as a member, and
	// nothing is taken from them.
	SeenOnce bool
}

// InvitationStatus is what became of an invitation, folded from the server's words.
type InvitationStatus string

// The statuses. Only pending and accepted are documented (how-to-invite-a-user-to-an-organization); the others are the
// words that an API of this kind would use, and whatever else the server says is StatusUnknown.
const (
	StatusPending   InvitationStatus = "pending"
	StatusAccepted  InvitationStatus = "accepted"
	StatusExpired   InvitationStatus = "expired"
	StatusDeclined  InvitationStatus = "declined"
	StatusCancelled InvitationStatus = "cancelled"
	StatusUnknown   InvitationStatus = "unknown"
)

// InvitationLife is how long an invitation can be accepted after it was sent: three days
// (docs.vultr.com, what-is-the-validity-period-of-an-organization-invitation).
const InvitationLife = 72 * time.Hour

// Invitation is one row of the organization's invitations. A zero time means that the server gave none.
type Invitation struct {
	ID         string
	Invited    Address // zero when the server's text is not an address
	Registered Address // who accepted; zero until then
	OrgID      string  // "" when the server did not say
	OrgName    string
	Status     InvitationStatus
	StatusText string // the server's own word, for people; data, not to be trusted
	APIEnabled *bool  // nil: the server did not say
	Created    time.Time
	Responded  time.Time
	Expires    time.Time
	// DateUnreadable is true when the server gave a date in a form that is not understood. Nobody is mailed on a guess
	// then.
	DateUnreadable bool
}

// ExpiresAt is when the invitation can no longer be accepted: its expiration date or, without one, [InvitationLife]
// after it was created. Zero when the server gave neither.
func (i Invitation) ExpiresAt() time.Time {
	if !i.Expires.IsZero() && !i.Expires.Before(i.Created) { // an end before the beginning tells nothing
		return i.Expires
	}
	if !i.Created.IsZero() {
		return i.Created.Add(InvitationLife)
	}
	return time.Time{}
}

// Snapshot is the organization as one complete read showed it.
type Snapshot struct {
	Organization Organization
	// Now is the server's clock, from the Date of its answers.
	Now time.Time
	// PinConfirmed is true when something that the API returned names the organization: the list of organizations, an
	// invitation, or the list of the organization's suspended users. False: only the roster's pin names it.
	PinConfirmed bool
	// Paged is true when the users, the suspended users or the invitations came in more than one page: a row that moves
	// between pages while they are read may be missing then.
	Paged bool
	// Users are all users, the suspended ones included, once each.
	Users []User
	// UsersSeen is false when the key may not list users (403): Users is then empty and says nothing.
	UsersSeen bool
	// SuspendedSeen is false when the list of suspended users is forbidden or missing (403, 404).
	SuspendedSeen bool
	// Self is the address of the key's own user, from GET /v2/account; zero when it is not shown.
	Self Address
	// Access are the groups, roles and policies of the kinds that were asked for, also those that no roster names. The
	// holders of those are what the list itself tells.
	Access []Access
	// Invitations are all the rows the server lists; expired and accepted ones may or may not be among them.
	Invitations []Invitation
}

// PinError says that the roster's pin names another organization than the one the key acts on.
type PinError struct {
	// Pin is the roster's `organization` line; "" when there is none, and the key shows several organizations.
	Pin string
	// Have are the organizations that the key can see.
	Have []Organization
}

// Error names both sides.
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
	return fmt.Sprintf("the roster is for the organization %q, but the key belongs to %s", e.Pin,
		strings.Join(names, ", "))
}
