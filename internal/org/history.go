package org

import "time"

// SettleAfter is the longest delay with which a list of the API shows a change. This is an assumption. If the list
// does not show a lost mail, orgsync waits this long before it mails the person again. The wait is shorter if a
// witness proves that the mail was not sent. [Mail] explains these words.
const SettleAfter = 15 * time.Minute

// SendWithin is how long after its announcement in the ledger a mail may be sent. If the run that announced a mail
// died, the mail may have been sent at any time until then.
const SendWithin = 5 * time.Minute

// ActWithin is how long the server may still act on a request whose answer was lost. It is longer than servers and
// gateways let a request run.
const ActWithin = 2 * time.Minute

// Mail is one invitation mail that, by the ledger, was sent or may have been sent.
//
// The sequence numbers in Mail and [PersonRecord] are line numbers of the ledger. They order events without a clock.
//
// A mail is lost if nobody knows whether the server sent it. A witness for a lost mail is a later mail that the list
// of invitations shows. A list that shows a witness would also show the lost mail if it had been sent.
type Mail struct {
	// Email is the canonical key of the address that the mail was for.
	Email string
	// Renewal is true if the mail renewed an invitation, false if it was a new invitation.
	Renewal bool
	// InvitationID is the id of the invitation; "" if it is not known. If a renewal is lost, it may be the id of the
	// invitation that was to be renewed.
	InvitationID string
	// RenewedFrom is when the invitation would have expired without this mail. It is zero for a new invitation, and if
	// the invitation had expired already or its expiration is not known. If it is not zero, only a later date in the
	// list proves that the mail was sent.
	RenewedFrom time.Time
	// Sequence is the line of the ledger that announces the mail.
	Sequence int
	// Lost is true if nobody knows whether the mail was sent.
	Lost bool
	// Found is true if the answer was lost, and later a reading found an invitation that fits the mail. Such a mail is
	// no witness, because somebody else may have made the invitation.
	Found bool
	// LostSequence is the line of the ledger after which a witness must have been announced. It is math.MaxInt while the
	// run that sent the mail may still be running, so that there is no witness. Only set if Lost is true.
	LostSequence int
	// RefusalCounted is true if [PersonRecord.Refusals] already counts the run that sent the mail. Only set if Lost is
	// true.
	RefusalCounted bool
	// ServerMayActUntil is the server's time until which the server may act on the mail. A mail that was announced
	// earlier is no witness. It is zero while the run that sent the mail may still be running. Only set if Lost is true.
	ServerMayActUntil time.Time
	// At is the server's time at which the mail was announced. If Lost is true, it is the last time at which the mail
	// may have been sent.
	At time.Time
	// Expires is when the invitation expires, by the answer or by the list. If the answer had no date, it is the latest
	// possible time. It is zero if it is not known.
	Expires time.Time
	// Estimated is true if Expires does not come from the server.
	Estimated bool
}

// ExpiresEstimated reports whether [Mail.ExpiresAt] is an estimate, because the server gave no usable date.
func (m Mail) ExpiresEstimated() bool { return m.Estimated || !m.Expires.After(m.At) }

// ExpiresAt returns the time after which the invitation of m can no longer be accepted. If Expires is unknown or is
// not after m was sent, it returns [InvitationLife] after m was sent.
func (m Mail) ExpiresAt() time.Time {
	if m.Expires.After(m.At) {
		return m.Expires
	}
	return m.At.Add(InvitationLife)
}

// KeptRefusals and KeptRemovals are how many of a person's last refusals and removals the ledger keeps. The rules of a
// plan need no more.
const (
	KeptRefusals = 3
	KeptRemovals = 2
)

// PersonRecord is what the ledger knows about one person. A round is a mail that got no answer.
type PersonRecord struct {
	// Mails has the mails since orgsync last saw the person as a member, in the order of sending.
	Mails []Mail
	// RoundsResetSequence is the line of the ledger after which mails count as rounds; 0 if all mails count.
	RoundsResetSequence int
	// ReinvitedSequence is the line of the ledger with the last --reinvite of the person; 0 if there was none.
	ReinvitedSequence int
	// RoundsResetAt is the server's time of RoundsResetSequence. Invitations in the list that are not newer do not count
	// as rounds. It is zero if all count.
	RoundsResetAt time.Time
	// JoinedAt is the server's time of Joined. An earlier invitation says nothing about the time after JoinedAt.
	JoinedAt time.Time
	// JoinedSequence is the line of the ledger that recorded Joined. The person has answered each mail with a smaller
	// Sequence, also a mail to another address of the person.
	JoinedSequence int
	// UserID is the id of the person's user when orgsync last saw that the person joined; "" if it is not known.
	UserID string
	// UserSequence is the line of the ledger that recorded UserID. It is smaller than JoinedSequence if orgsync later saw
	// the person as a member, and no answer of the API connected the address with a user.
	UserSequence int
	// SuspendedAt is the server's time of Suspended. For some time after it, the list may show the user as not
	// suspended.
	SuspendedAt time.Time
	// SuspendedUserID is the id of the user that orgsync suspended; "" if it is not known. Another user may have the
	// address now.
	SuspendedUserID string
	// Joined is true after orgsync has seen the person as a member. If the person is absent later, they left or were
	// removed.
	Joined bool
	// Suspended is true after orgsync suspended the person, or may have, until a reading shows that the suspension
	// ended.
	Suspended bool
	// Removed is true after orgsync removed the person, or may have, until orgsync sees them as a member again.
	Removed bool
	// AssumedNotSent is true after orgsync decided that a lost mail to the person was not sent. It is false again after
	// orgsync has seen the person as a member. The reason for the decision is that the list did not show the invitation.
	// But the person may have accepted it already.
	AssumedNotSent bool
	// Unlisted is true after a run saw that the roster no longer lists the person, until the next mail to the person, or
	// until a run sees the person as a member again.
	Unlisted bool
	// UnlistedSequence is the line of the ledger that recorded Unlisted; 0 if Unlisted is false.
	UnlistedSequence int
	// EverMailed is true if a mail to the person was sent or may have been sent, at any time.
	EverMailed bool
	// OnlyMailSequence is the Sequence of the person's only mail, if EverMailed is true because of this mail alone; 0 if
	// there were several mails. If the mail was not sent after all, the person was never mailed.
	OnlyMailSequence int
	// RemovedAt is the server's time of Removed.
	RemovedAt time.Time
	// RemovedSequence is the line of the ledger that recorded Removed. A mail with a smaller Sequence was sent before
	// the removal.
	RemovedSequence int
	// RemovedUserID is the id of the user that orgsync removed; "" if it is not known.
	RemovedUserID string
	// Removals has the last removals of the person by orgsync, at most KeptRemovals, oldest first.
	Removals []Removal
	// Refusals counts the runs in a row that failed to mail the person: the server refused the mail, or the mail was
	// lost and orgsync decided that it was not sent. A mail that was sent resets the number. RefusedAt is the server's
	// time of the last of these mails. RefusedText is the answer to it: one line of limited length, which may contain
	// anything. It is "" if the mail was lost.
	Refusals    int
	RefusedAt   time.Time
	RefusedText string
	// FailedAt is the time of the last failed change to the person. A change failed if the server refused it, answered
	// it with 429 until the run gave up, or did not answer. A lost mail that counts as not sent failed too. It is zero
	// after a change that was made, after a lost mail was found, and after the person joined.
	FailedAt time.Time
}

// JoinedSinceRemoval reports whether orgsync saw the person join after the removal, so that the removal is over. In the
// first 15 minutes after the removal, the list may not show the removal yet.
func (r PersonRecord) JoinedSinceRemoval() bool {
	return r.JoinedSequence > r.RemovedSequence && r.JoinedAt.Sub(r.RemovedAt).Abs() >= SettleAfter
}

// JoinedAsUnknown reports whether the ledger does not know as which user the person last joined. It may know which user
// the person was before.
func (r PersonRecord) JoinedAsUnknown() bool {
	return r.UserID == "" || r.UserSequence < r.JoinedSequence
}

// Removal is one removal of a person from the organization by orgsync.
type Removal struct {
	At time.Time
	// Roster names the roster files of the run; "" if the ledger does not have the names.
	Roster string
}

// Memory is what the ledger knows. The zero Memory is that of an empty ledger.
type Memory struct {
	// People has what the ledger knows about people, by the canonical keys of their addresses.
	People map[string]PersonRecord
	// Unlisted has the users who were in the organization and not in the roster when orgsync last looked, by user id in
	// lower case.
	Unlisted map[string]Sighting
	// Access has the id of each group, role and policy that a roster named, by the name in the roster.
	Access map[AccessName]string
	// Empty is true if the ledger had no line when it was opened: it is new, or it was lost.
	Empty bool
	// Misdirected is the last mail whose answer named another organization than that of the ledger, if no --reinvite came
	// after it; otherwise zero.
	Misdirected Misdirected
}

// Misdirected is a mail that went out for another organization.
type Misdirected struct {
	// Email is the canonical key of the address that the mail was for.
	Email string
	// OrganizationID is the id of the organization in the answer.
	OrganizationID string
}

// Sighting is the first time that orgsync saw a user who is not in the roster.
type Sighting struct {
	// Email is the canonical key of the user's address at that time; "" if it could not be read.
	Email string
	// Sequence is the line of the ledger. A mail with a greater Sequence was sent later.
	Sequence int
	At       time.Time
}

// AccessName is the name of a group, role or policy in a roster.
type AccessName struct {
	Kind Kind
	Name string
}

// NamedAccess is a name in a roster with the id of its group, role or policy.
type NamedAccess struct {
	AccessName
	ID string
}

// FactKind is a kind of [Fact].
type FactKind string

const (
	// FactJoined says that the person is a member. If the person is absent later, they left or were removed.
	FactJoined FactKind = "joined"
	// FactActive says that orgsync had suspended the person, and that they are no longer suspended.
	FactActive FactKind = "active"
	// FactUnlisted says that the person is no longer in the roster. If they return, their mails are counted from zero.
	FactUnlisted FactKind = "unlisted"
	// FactReset says that --reinvite named the person, so that their mails are counted from zero.
	FactReset FactKind = "reset"
	// FactFound says that the list shows the invitation of a lost mail.
	FactFound FactKind = "found"
	// FactAbsent says that a lost mail was not sent.
	FactAbsent FactKind = "absent"
	// FactUnlistedUser says that orgsync saw, for the first time, that a user is not in the roster.
	FactUnlistedUser FactKind = "unlisted_user"
	// FactUserGone says that an unlisted user is no longer in the organization, or no longer unlisted.
	FactUserGone FactKind = "user_gone"
	// FactAccess says which id a group, role or policy of the roster has.
	FactAccess FactKind = "access"
)

// Fact is something that a run learned by reading the organization and the roster. The ledger keeps it for later
// runs.
type Fact struct {
	Kind FactKind
	// Email is the canonical key of the person's address. It is "" with FactUserGone and FactAccess, and if the address
	// of the user cannot be read.
	Email string
	// InvitationID is the id of the invitation that was found. Only with FactFound.
	InvitationID string
	// Expires is when the invitation expires; zero if the list has no date. Only with FactFound.
	Expires time.Time
	// UserID is the id of the user. Only with FactJoined, FactUnlistedUser and FactUserGone. With FactJoined it is "" if
	// no answer of the API connects the address with a user.
	UserID string
	// Access is a group, role or policy that the roster names. Only with FactAccess, otherwise nil.
	Access *NamedAccess
}
