// Package plan decides what must change so that the organization agrees with the roster. It reads and writes nothing:
// all facts, including the time, are in its input, and the same input always gives the same plan.
//
// docs/decisions.md has the table of the decisions that [Compute] makes.
package plan

import (
	"time"

	"github.com/orgsync/orgsync/internal/org"
	"github.com/orgsync/orgsync/internal/roster"
)

// Action is what a change does.
type Action string

// The actions, in the order in which the changes of one person are sent.
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

// Actions lists all actions in the order in which summaries show them.
var Actions = []Action{Invite, Reinvite, Update, Grant, Revoke, Suspend, Unsuspend, Remove}

// Mails reports whether a sends an invitation mail.
func (a Action) Mails() bool { return a == Invite || a == Reinvite }

// SuspendsOrRemoves reports whether a suspends or removes a user.
func (a Action) SuspendsOrRemoves() bool { return a == Suspend || a == Remove }

// Reason is why a change is needed.
type Reason string

// The reasons.
const (
	NotInvited Reason = "not_invited"
	Expired    Reason = "expired"
	// ListedAgain means that the person was a member before: orgsync invites them again, or ends the suspension that it
	// made.
	ListedAgain Reason = "listed_again"
	// APIAccessDiffers means that the roster manages the API access of the person and has the other value.
	APIAccessDiffers Reason = "api_access_differs"
	// MissingAccess means that the person does not have a group, role or policy that the roster gives them.
	MissingAccess Reason = "missing_access"
	// MoreAccess means that the person has a group, role or policy that the roster does not give them.
	MoreAccess Reason = "extra_access"
	// NotListed means that the user is in the organization but not in the roster.
	NotListed Reason = "unlisted"
	// Requested means that --resend asked for a pending invitation to be sent again.
	Requested Reason = "requested"
)

// Detail has the parameters of a change. Which fields are set depends on the action.
type Detail struct {
	// APIEnabled is the API access that an invitation or an update sets.
	APIEnabled *bool
	// Kind, Name and ID are those of the group, role or policy that is granted or revoked.
	Kind     org.Kind
	Name, ID string
	// Membership is the id that the API needs to revoke the access: the value in [org.Access.Holders].
	Membership string
	// Expires is when the pending invitation expires if it is not sent again; zero if unknown. Only with Requested.
	Expires time.Time
	// Mailed is when orgsync sent the last mail to the person before this change; zero if it sent none. Only with
	// Requested.
	Mailed time.Time
	// CountedFrom is the time after which mails to the person counted as unanswered before --reinvite; zero if all
	// counted. Only with --reinvite.
	CountedFrom time.Time
}

// Change is one change to one person.
type Change struct {
	Action Action
	Reason Reason
	// Email is the person's address, written as in the roster. For unlisted users it is the address in the organization.
	Email org.Address
	// Source is the file:line of the person's entry; "" for people without an entry.
	Source string
	// UserID and InvitationID are "" if they do not apply.
	UserID       string
	InvitationID string
	Detail       Detail
}

// NoticeKind is the kind of a notice.
type NoticeKind string

// The kinds of notices.
const (
	// Waiting means that the person was invited and can still accept.
	Waiting NoticeKind = "waiting"
	// GaveUp means that the person got as many mails without an answer as the roster allows.
	GaveUp NoticeKind = "gave_up"
	// NeedsAttention means that the invitation was declined or cancelled, or that its status or a date of it is not
	// understood. With a UserID, the person's address is that of a service user or of a user who has not accepted.
	NeedsAttention NoticeKind = "needs_attention"
	// Left means that the person was a member and is no longer in the organization. If Text is AcceptedLately, the list of
	// users may not show the person yet.
	Left NoticeKind = "left"
	// SuspendedUser means that a person of the roster is suspended.
	SuspendedUser NoticeKind = "suspended"
	// Unlisted means that a user or an open invitation does not belong to anybody in the roster.
	Unlisted NoticeKind = "unlisted"
	// DuplicateInvitation means that the person has several invitations that can be accepted. The notice is about an
	// older one.
	DuplicateInvitation NoticeKind = "duplicate_invitation"
	// Unsettled means that the answer to an earlier mail was lost. The next mail is held until orgsync knows whether the
	// earlier one was sent.
	Unsettled NoticeKind = "unsettled"
	// MembersUnseen means that the key may not list users, so that orgsync decides by the invitations alone.
	MembersUnseen NoticeKind = "members_unseen"
	// SuspendedUnseen means that suspended users cannot be listed, so that a suspended user may look like a person who
	// left.
	SuspendedUnseen NoticeKind = "suspended_unseen"
	// OtherAddress means that the person is a member under an address that the roster does not name. Text is this
	// address.
	OtherAddress NoticeKind = "other_address"
	// SecondUser means that two active users of the organization are this person. orgsync manages the access of one of
	// them. UserID and Text are the id and the address of the other one.
	SecondUser NoticeKind = "second_user"
	// ExtraAccess means that the person has access that the roster does not give them. Text names it.
	ExtraAccess NoticeKind = "extra_access"
	// SelfUnseen means that orgsync does not know which user is the key's own. Therefore it takes nothing from anybody,
	// and suspends and removes nobody.
	SelfUnseen NoticeKind = "self_unseen"
	// ProtectedUnseen means that the roster protects an address that nobody has. The address may be misspelled.
	ProtectedUnseen NoticeKind = "protected_unseen"
	// UnknownMembership means that the key cannot see whether the person is a member, so the mail to them is held.
	UnknownMembership NoticeKind = "unknown_membership"
	// PossibleAlias means that the list no longer shows the invitation of the person, and that an unlisted user appeared
	// after the mail. The user may be this person. Text has the address of the user, or several addresses. If Expires is
	// set, the invitation is still valid, and no mail is held.
	PossibleAlias NoticeKind = "possible_alias"
	// RefusedMail means that several runs failed to mail the person: the API refused the mails, or they were lost and
	// count as not sent. orgsync tries again once a day. Text is the last answer; "" if the last mail was lost.
	RefusedMail NoticeKind = "refused"
	// Flapping means that orgsync removed the person twice in a few days and the roster lists them again. Another roster
	// may be removing them. Text names the roster files of the last removal, and Since is its time.
	Flapping NoticeKind = "flapping"
	// UnknownAccess means that the roster names a group, role or policy that cannot be used. Text says why, and Places
	// says where the roster names it. With an AccessID it was renamed: orgsync found it by its id and uses it.
	UnknownAccess NoticeKind = "unknown_access"
	// PinUnconfirmed means that no answer of the API confirms that the key belongs to the organization of the roster.
	// Text is the `organization` line.
	PinUnconfirmed NoticeKind = "pin_unconfirmed"
	// WrongOrganization means that the last mail went out for another organization, so that plan and apply refuse to run
	// until --reinvite is set. Email is the address that the mail was for, and Text is the id of the other organization.
	WrongOrganization NoticeKind = "wrong_organization"
	// NewLedger means that the ledger is empty although the organization has invitations. The ledger is new, or it was
	// lost.
	NewLedger NoticeKind = "new_ledger"
	// EndsTooSoon means that the person is not invited, because an invitation would expire after their last day. Text is
	// that day.
	EndsTooSoon NoticeKind = "ended_soon"
	// NotYet means that the person is not invited, because their first day has not begun. Text is that day. With a UserID,
	// orgsync suspended the person, and does not end the suspension before that day.
	NotYet NoticeKind = "not_yet"
	// EndsSoon means that the person's last day is at most seven days away. Text is that day.
	EndsSoon NoticeKind = "ends_soon"
	// SameName means that the person may be an unlisted user, or have an unlisted invitation: the names are equal, or
	// the addresses are spelled alike. Text has the address, or several addresses.
	SameName NoticeKind = "same_name"
	// UnlistedKept means that this person of the roster may have joined under an unknown address. Therefore orgsync only
	// reports unlisted users that the ledger does not know.
	UnlistedKept NoticeKind = "unlisted_kept"
	// NotMailed means that --reinvite or --resend names the person, and the plan has no mail for them. Text is the
	// cause, one of the NotMailed constants.
	NotMailed NoticeKind = "not_mailed"
	// Limit means that the plan has more changes than one run may make, so that apply refuses it. Text says which.
	Limit NoticeKind = "limit"
)

// NoticeKinds lists all kinds of notices.
var NoticeKinds = []NoticeKind{
	Waiting, GaveUp, NeedsAttention, Left, SuspendedUser, Unlisted, DuplicateInvitation, Unsettled, MembersUnseen,
	SuspendedUnseen, OtherAddress, SecondUser, ExtraAccess, SelfUnseen, ProtectedUnseen, UnknownMembership,
	PossibleAlias, RefusedMail, Flapping, UnknownAccess, PinUnconfirmed, WrongOrganization, NewLedger, EndsTooSoon,
	NotYet, EndsSoon, SameName, UnlistedKept, NotMailed, Limit,
}

// Notice is a fact about a person or the whole run that a person should know and that is not a change.
type Notice struct {
	Kind NoticeKind
	// Email is the zero Address if the notice is about the whole run, or if the address cannot be read.
	Email org.Address
	// Source is the file:line of the person's entry; "" for people without an entry.
	Source string
	// UserID and InvitationID are the ids of the user and the invitation that the notice is about; "" if there are none.
	UserID       string
	InvitationID string
	// Expires is when the invitation expires. Since is when the state that the notice reports began. Both are zero if
	// they do not apply or are unknown.
	Expires time.Time
	Since   time.Time
	// ExpiresEstimated is true if the server gave no date for Expires.
	ExpiresEstimated bool
	// RemovalAfter is when orgsync may suspend or remove an unlisted user; zero if nothing waits for a time.
	RemovalAfter time.Time
	// Suspended is true if the unlisted user is suspended. NotAccepted is true if the unlisted user has not accepted an
	// invitation, and is not a member yet.
	Suspended, NotAccepted bool
	// Unknown is the name of access that the notice is about. Only with UnknownAccess, otherwise nil.
	Unknown *UnknownAccessName
	// Mails is the number of mails without an answer. Only with GaveUp.
	Mails int
	// Text has what no other field expresses. Examples are the server's word for a status, the numbers of a limit, or
	// the name of an unlisted user. It may be any text.
	Text string
	// NotSelected is true if --only names other people. Such a notice has no effect on the exit code.
	NotSelected bool
}

// UnknownAccessName is a name of a group, role or policy in the roster that cannot be used.
type UnknownAccessName struct {
	// Places has the places in the roster that use the name, sorted.
	Places []roster.Position
	// AccessID is the id of the group, role or policy if it was found under another name, otherwise "".
	AccessID string
	// Missing is the name, if nothing in the organization has it. It is zero if something has the name but cannot be
	// used.
	Missing org.AccessName
}

// Holds reports whether n says that something in the roster is not done until a person acts or more is known.
func (n Notice) Holds() bool {
	if n.NotSelected {
		return false
	}
	switch n.Kind {
	case Unsettled, UnknownMembership, Flapping:
		return true
	case RefusedMail:
		return n.Text == "" // it is not certain that the last mail was not sent
	case PossibleAlias:
		return n.Expires.IsZero()
	case UnknownAccess:
		return n.Unknown.AccessID == ""
	default:
		return false
	}
}

// Plan has the changes that a roster needs, the notices for people, and the facts for later runs.
type Plan struct {
	Organization org.Organization
	// Now is the server's time for which the plan was made.
	Now time.Time
	// Changes are sorted by the key of the address, then in the order in which they are sent.
	Changes []Change
	// Notices are sorted by the key of the address, the kind, and the invitation. Notices about the whole run come
	// first.
	Notices []Notice
	// UnlistedSuspended has a notice for each unlisted user who needs no change, because the roster has
	// `unlisted: suspend` and the user is suspended. Notices does not have them.
	UnlistedSuspended []Notice
	// Held has the mails that unsettled people need if their lost mail was not sent. It is sorted like Changes, which
	// does not have these mails.
	Held []Change
	// Only, Resend and Reinvite are the addresses in the flags with these names, sorted by key. nil means that the flag
	// is not set.
	Only, Resend, Reinvite []org.Address
	// NotSelected has the changes of people that --only does not select, sorted like Changes. Changes does not have
	// them, and they do not count for the limits.
	NotSelected []Change
	// UnknownNames has the addresses in Only that nobody has.
	UnknownNames []UnknownName
	// Facts has what a run that has the lock should record in the ledger: first the facts of --reinvite, then the others.
	// Both parts are sorted by address.
	Facts []org.Fact
	// Unchanged is the number of people of the roster without a change.
	Unchanged int
	// Ungrantable has the grants to members of groups, roles and policies that the organization does not have. They are
	// never sent, and Changes does not have them.
	Ungrantable []Change
	// Problems has mistakes of the roster that only the organization shows: two entries that are one person. A plan with
	// problems must not be carried out.
	Problems []roster.Problem
	// Needs is a sentence about what the roster needs and the API key may not do; "" if there is nothing. A plan with
	// Needs must not be carried out.
	Needs string
	// Ended has the people of the roster whose last day is over, by key.
	Ended map[string]bool
	// Limits has the limits for carrying out this plan.
	Limits Limits
}
