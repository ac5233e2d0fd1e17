// Package plan decides what has to change so that the organization is as the roster says. It is pure: what it knows
// comes in as values (the time too), what it decides goes out as values, and equal input gives an equal plan.
//
// The table of decisions is in docs/decisions.md; [Compute] is that table.
package plan

import (
	"time"

	"github.com/orgsync/orgsync/internal/org"
	"github.com/orgsync/orgsync/internal/roster"
)

// Action is what a change does.
type Action string

// The actions, in the order in which one person's are carried out.
const (
	Invite    Action = "invite"
	Reinvite  Action = "reinvite"
	Unsuspend Action = "unsuspend"
	Update    Action = "update"
	Grant     Action = "grant"
	Revoke    Action = "revoke"
	Suspend   Action = "suspend"
	Remove    Action = "remove"
)

// Actions are all actions, in the order in which summaries name them.
var Actions = []Action{Invite, Reinvite, Update, Grant, Revoke, Suspend, Unsuspend, Remove}

// Mails reports whether a sends a mail to a person.
func (a Action) Mails() bool { return a == Invite || a == Reinvite }

// Reason is why a change is needed.
type Reason string

// The reasons.
const (
	NotInvited Reason = "not_invited"
	Expired    Reason = "expired"
	// ListedAgain: somebody whom this tool removed, or who left and is wanted back, is in the roster again.
	ListedAgain Reason = "listed_again"
	// APIAccessDiffers: the roster manages API access and wants the other value.
	APIAccessDiffers Reason = "api_access_differs"
	// MissingAccess: lacks a group, role or policy of the roster.
	MissingAccess Reason = "missing_access"
	// MoreAccess: has a group, role or policy beyond the roster.
	MoreAccess Reason = "extra_access"
	// NotListed: in the organization, but not in the roster.
	NotListed Reason = "unlisted"
	// Requested: --resend asked for the mail of a pending invitation again.
	Requested Reason = "requested"
)

// Detail is what a change sends beyond the person. Which fields are set depends on the action.
type Detail struct {
	// APIEnabled is what an invitation or an update asks for.
	APIEnabled *bool
	// Kind, Name and ID name the group, role or policy of a grant or revoke.
	Kind     org.Kind
	Name, ID string
	// Membership is what the API calls a membership that is revoked.
	Membership string
	// Expires is when the pending invitation that is sent again expires by now; zero when unknown.
	// Only with Requested.
	Expires time.Time
}

// Change is one thing to do to one person.
type Change struct {
	Action Action
	Reason Reason
	// Email is the person's, written as in the roster or, for unlisted people, as the server has it.
	Email org.Address
	// Source is the file:line of the person's entry; "" for people without one.
	Source string
	// UserID and InvitationID are "" where they do not apply.
	UserID       string
	InvitationID string
	Detail       Detail
}

// NoticeKind is what a notice is about.
type NoticeKind string

// The kinds of notices.
const (
	// Waiting: invited, the invitation can still be accepted.
	Waiting NoticeKind = "waiting"
	// GaveUp: as many mails as the roster allows went unanswered.
	GaveUp NoticeKind = "gave_up"
	// NeedsAttention: the invitation was declined or cancelled, or its status is not understood. With a UserID the address
	// is that of a service user.
	NeedsAttention NoticeKind = "needs_attention"
	// Left: accepted once, and is no longer in the organization.
	Left NoticeKind = "left"
	// SuspendedUser: in the roster, but suspended.
	SuspendedUser NoticeKind = "suspended"
	// Unlisted: in the organization or invited, but not in the roster.
	Unlisted NoticeKind = "unlisted"
	// DuplicateInvitation: several invitations of one person can be accepted.
	DuplicateInvitation NoticeKind = "duplicate_invitation"
	// Unsettled: may have been mailed by an earlier run whose answer was lost; held back until that is known.
	Unsettled NoticeKind = "unsettled"
	// MembersUnseen: the key may not list users; invitations alone were judged.
	MembersUnseen NoticeKind = "members_unseen"
	// SuspendedUnseen: the list of suspended users cannot be read; somebody suspended may look like somebody who left.
	SuspendedUnseen NoticeKind = "suspended_unseen"
	// OtherAddress: accepted with an address that the roster does not name; Text is that address.
	OtherAddress NoticeKind = "other_address"
	// ExtraAccess: a listed person has a group, role or policy beyond the roster.
	ExtraAccess NoticeKind = "extra_access"
	// SelfUnseen: the key's own user cannot be told from others, so nobody is suspended or removed and nothing is taken
	// from anybody.
	SelfUnseen NoticeKind = "self_unseen"
	// ProtectedUnseen: the roster protects an address that nobody has, perhaps a misspelt one.
	ProtectedUnseen NoticeKind = "protected_unseen"
	// UnknownMembership: nobody can see whether this person of the roster is a member, so they are not mailed.
	UnknownMembership NoticeKind = "unknown_membership"
	// PossibleAlias: the invitation of this person vanished, and a user whom the roster does not name appeared since; Text
	// is that user's address, or several. With Expires the person's invitation is still valid and nothing is held.
	PossibleAlias NoticeKind = "possible_alias"
	// RefusedMail: the API refused to mail this person several times; Text is what it said. Tried again once a day.
	RefusedMail NoticeKind = "refused"
	// Flapping: orgsync removed this person twice in a few days and the roster lists them again, so another roster may be
	// removing them. Text names the roster files of the last removal, Since is its time.
	Flapping NoticeKind = "flapping"
	// UnknownAccess: the organization lacks a group, role or policy that the roster names; Text says which, Places where
	// the roster names it. With AccessID it was found by its id, under another name.
	UnknownAccess NoticeKind = "unknown_access"
	// PinUnconfirmed: nothing that the API shows confirms that the key belongs to the roster's organization; Text is the
	// pin.
	PinUnconfirmed NoticeKind = "pin_unconfirmed"
	// NewLedger: the organization has invitations and the ledger is empty: it is new, or it was lost.
	NewLedger NoticeKind = "new_ledger"
	// EndedSoon: this person is not invited because the invitation would outlive their last day; Text is that day.
	EndedSoon NoticeKind = "ended_soon"
	// NotYet: this person is not invited before their first day; Text is that day.
	NotYet NoticeKind = "not_yet"
	// EndsSoon: this person's last day is at most seven days away; Text is that day.
	EndsSoon NoticeKind = "ends_soon"
	// SameName: this person may be an unlisted user, or have an unlisted invitation: they have the
	// same name, or an address that is spelled alike. Text is that address, or several.
	SameName NoticeKind = "same_name"
	// UnlistedKept: this person of the roster may have joined with an address that is not known, so unlisted users about
	// whom nothing is known are only reported.
	UnlistedKept NoticeKind = "unlisted_kept"
	// NotMailed: --reinvite or --resend names this person, and the plan has no mail for them; Text
	// is the cause, one of the NotMailed constants.
	NotMailed NoticeKind = "not_mailed"
	// Limit: apply would refuse this plan.
	Limit NoticeKind = "limit"
)

// NoticeKinds are all kinds of notices.
var NoticeKinds = []NoticeKind{
	Waiting, GaveUp, NeedsAttention, Left, SuspendedUser, Unlisted, DuplicateInvitation, Unsettled, MembersUnseen,
	SuspendedUnseen,
	OtherAddress, ExtraAccess, SelfUnseen, ProtectedUnseen, UnknownMembership, PossibleAlias, RefusedMail, Flapping,
	UnknownAccess, PinUnconfirmed, NewLedger, EndedSoon, NotYet, EndsSoon, SameName, UnlistedKept, NotMailed, Limit,
}

// Notice is something that a person should know and orgsync does not change.
type Notice struct {
	Kind NoticeKind
	// Email is the zero Address for notices about the whole run, and for rows whose address cannot be read.
	Email org.Address
	// Source is the file:line of the person's entry; "" for people without one.
	Source string
	// UserID and InvitationID are what it is about; "" where they do not apply.
	UserID       string
	InvitationID string
	// Expires is when a waiting invitation expires, Since when the matter began; zero when unknown.
	Expires time.Time
	Since   time.Time
	// ExpiresEstimated is true when the server gave no date for Expires.
	ExpiresEstimated bool
	// RemovalAfter is when an unlisted user may be suspended or removed; zero when nothing waits for a time.
	RemovalAfter time.Time
	// Places are the places in the roster that the notice is about, sorted; nil for all but UnknownAccess.
	Places []roster.Position
	// AccessID is the id of the group, role or policy that was found; "" when there is none.
	AccessID string
	// Missing is the group, role or policy of UnknownAccess if the organization has none of that
	// name; zero if it has one that cannot be used.
	Missing org.AccessName
	// Mails is how many mails went unanswered; 0 when that is not what the notice is about.
	Mails int
	// Text is what cannot be told in the fields above: the server's own word for a status, the numbers of a limit, the
	// name of a stranger. It is data.
	Text string
	// NotSelected is true when --only names other people. Such a notice does not count for exit
	// codes.
	NotSelected bool
}

// Holds reports whether n says that something the roster asks for is not done until a person acts or more is known.
func (n Notice) Holds() bool {
	if n.NotSelected {
		return false
	}
	switch n.Kind {
	case Unsettled, UnknownMembership, Flapping:
		return true
	case PossibleAlias:
		return n.Expires.IsZero()
	case UnknownAccess:
		return n.AccessID == ""
	default:
		return false
	}
}

// Plan is the decision: what to do, what to know, what to remember.
type Plan struct {
	Organization org.Organization
	// Now is the server's time that the plan was judged by.
	Now time.Time
	// Changes are sorted by the canonical address, then by the order of actions.
	Changes []Change
	// Notices are sorted by canonical address, then kind, then invitation; those about the whole run come first.
	Notices []Notice
	// Held are the changes that unsettled people would need if they were not mailed; never part of Changes, in the same
	// order.
	Held []Change
	// Only are the addresses that --only named, sorted; nil: everybody is selected. Resend and
	// Reinvite are those of the flags of these names, sorted.
	Only, Resend, Reinvite []org.Address
	// NotSelected are the changes to people whom --only does not name, in the order of Changes.
	// They are never part of Changes, and no limit counts them.
	NotSelected []Change
	// UnknownNames are the addresses of Only that nobody has.
	UnknownNames []UnknownName
	// Facts are what a run that holds the ledger should remember, sorted by address.
	Facts []org.Fact
	// Unchanged counts the people of the roster who have no change.
	Unchanged int
	// Ungrantable are the grants to members that the organization lacks the group, role or policy for. They are never
	// sent, and never part of Changes.
	Ungrantable []Change
	// Problems are mistakes in the roster that only the organization shows: two entries that are one person. A plan with
	// problems must not be carried out.
	Problems []roster.Problem
	// Needs is what the roster asks for and the API key may not do, in a sentence; "" when there is nothing. Such a plan
	// must not be carried out.
	Needs string
	// Ended are the people of the roster whose last day is over, by key.
	Ended map[string]bool
	// Limits bound what apply may carry out of this plan.
	Limits Limits
}
