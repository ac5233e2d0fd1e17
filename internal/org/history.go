package org

import "time"

// SettleAfter is how long a mail whose answer was lost is held back when no witness shows up: a list of invitations
// that lags longer than this is not believed in. Within it nobody who may have been mailed is mailed again.
const SettleAfter = 15 * time.Minute

// SendWithin is how long after its announcement in the ledger a mail may still leave: one that has waited longer for
// its turn is not sent. A mail that was announced by a run that died may have left until then.
const SendWithin = 5 * time.Minute

// ActWithin is how long the server may still act on a request whose answer was lost, whatever broke it: longer than
// servers and the gateways in front of them let a request run.
const ActWithin = 2 * time.Minute

// Mail is one invitation mail that the ledger knows of: that was sent or may have been.
type Mail struct {
	// Email is the canonical key of the address it went to.
	Email string
	// Resend is true for a mail that renewed an invitation, false for a new invitation.
	Resend bool
	// InvitationID is the invitation it belongs to; "" when the answer was lost before it could be read.
	InvitationID string
	// RenewedFrom is when the invitation would have expired without this mail; zero when it had
	// expired already, when that is not known, and for a new invitation. Only a later date in the
	// list shows that such a mail went out.
	RenewedFrom time.Time
	// Sequence is the place of its intent in the ledger's order of sending. It is compared, never a clock.
	Sequence int
	// Lost is true when nobody knows whether the mail went out.
	Lost bool
	// Found is true when the answer was lost and a row of the list was taken for it since. Such a mail is no witness:
	// the row could be somebody else's doing.
	Found bool
	// LostSequence is the place in the ledger's order from which on a later mail is a witness for this one; only with
	// Lost.
	LostSequence int
	// ServerMayActUntil is the server's time until when the server may still act on it: a mail sent earlier is no witness
	// for it. Zero while the run that sent it may still be at work. Only with Lost.
	ServerMayActUntil time.Time
	// At is the server's time when it was sent or, with Lost, when it was last possible that it was.
	At time.Time
	// Expires is the expiration that the answer or the list named or, where the answer named none, the latest that it can
	// have; zero when it is not known.
	Expires time.Time
	// Estimated is true when Expires does not come from the server.
	Estimated bool
}

// ExpiresEstimated reports whether [Mail.ExpiresAt] is an estimate: the server named no date.
func (m Mail) ExpiresEstimated() bool { return m.Estimated || !m.Expires.After(m.At) }

// ExpiresAt is when the invitation that this mail announced can no longer be accepted.
func (m Mail) ExpiresAt() time.Time {
	if m.Expires.After(m.At) { // an end before the beginning tells nothing
		return m.Expires
	}
	return m.At.Add(InvitationLife)
}

// PersonRecord is what the ledger remembers about one person.
type PersonRecord struct {
	// Mails are those since the person was last seen as a member, in the order of sending.
	Mails []Mail
	// RoundsResetSequence is the place in the ledger's order from which on mails count as rounds; 0: all of them do.
	RoundsResetSequence int
	// Reinvited is the place of the last --reinvite of the person in the ledger's order; 0: there was none.
	Reinvited int
	// RoundsResetAt is the server's time of [PersonRecord.RoundsResetSequence]: rows of the organization's list that are
	// older do not count as rounds either. Zero: all of them do.
	RoundsResetAt time.Time
	// JoinedAt is the server's time of Joined: an invitation that was sent before says nothing about what came after.
	JoinedAt time.Time
	// UserID is the user that the person was when they were last seen to join; "" when that is not known.
	UserID string
	// SuspendedAt is the server's time of Suspended: a list that lags shows them at work for a while.
	SuspendedAt time.Time
	// Joined is true once the person was seen as a member: if they are gone later, they left.
	Joined bool
	// Suspended is true from when orgsync suspended the person, or may have, until they are seen at work again.
	Suspended bool
	// Removed is true from when orgsync removed the person, or may have, until they are seen as a member again.
	Removed bool
	// AssumedNotSent is true from when a mail to the person was taken for not sent, because the list did not show its
	// invitation, until they are seen as a member: they may have accepted it by then.
	AssumedNotSent bool
	// Unlisted is true from when a run saw that the roster no longer names the person until they are mailed again.
	Unlisted bool
	// EverMailed is true once a mail to the person went out or may have, also before they were last seen as a member.
	EverMailed bool
	// OnlyMail is the Sequence of the mail that EverMailed rests on; 0 when it rests on more than one.
	OnlyMail int
	// RemovedAt is the server's time of Removed.
	RemovedAt time.Time
	// RemovedSequence is the place of Removed in the ledger's order: a mail with a smaller one was sent before. Only with
	// Removed.
	RemovedSequence int
	// Removals are the last two times that orgsync removed the person, oldest first.
	Removals []Removal
	// Refusals is in how many runs in a row the server refused to mail the person. RefusedAt is the server's time of the
	// last one, and RefusedText what the API said then: one line, bounded, still data.
	Refusals    int
	RefusedAt   time.Time
	RefusedText string
}

// Removal is one time that orgsync removed a person from the organization.
type Removal struct {
	At time.Time
	// Roster names the roster files that the run read; "" when the line does not say.
	Roster string
}

// Memory is what the ledger remembers. The zero Memory remembers nothing.
type Memory struct {
	// People are by the canonical key of their address.
	People map[string]PersonRecord
	// Unlisted are the users who were last seen in the organization and not in the roster, by user id.
	Unlisted map[string]Sighting
	// Access are the ids of the groups, roles and policies that a roster named, by the name it used.
	Access map[AccessName]string
	// Empty is true when the ledger had no line when it was opened: it is new, or it was lost.
	Empty bool
}

// Sighting is when a user was first seen unlisted.
type Sighting struct {
	// Sequence is the place in the ledger's order: a mail with a greater one was sent later.
	Sequence int
	At       time.Time
}

// AccessName is how a roster names a group, role or policy.
type AccessName struct {
	Kind Kind
	Name string
}

// FactKind is something that a run learned by reading and that later runs should know.
type FactKind string

const (
	// FactJoined says that the person is a member now, so that their absence later on means that they left.
	FactJoined FactKind = "joined"
	// FactActive says that the person, whom orgsync had suspended, is a user who is not suspended.
	FactActive FactKind = "active"
	// FactUnlisted says that the person is no longer in the roster: if they come back, their mails are counted from zero.
	FactUnlisted FactKind = "unlisted"
	// FactReset says that --reinvite asked for the mails to be counted from zero.
	FactReset FactKind = "reset"
	// FactFound says that a mail whose answer was lost shows in the list after all.
	FactFound FactKind = "found"
	// FactAbsent says that a mail whose answer was lost did not go out.
	FactAbsent FactKind = "absent"
	// FactUnlistedUser says that a user who is not in the roster was seen for the first time.
	FactUnlistedUser FactKind = "unlisted_user"
	// FactUserGone says that a user who was seen unlisted is no longer in the organization.
	FactUserGone FactKind = "user_gone"
	// FactAccess says that the roster names a group, role or policy that has this id.
	FactAccess FactKind = "access"
)

// Fact is one thing learned about one person.
type Fact struct {
	Kind FactKind
	// Email is the canonical key; "" with FactUserGone, FactAccess and users without a readable address.
	Email string
	// InvitationID is the invitation that was found; only with FactFound.
	InvitationID string
	// Expires is when that invitation expires; only with FactFound, zero when the list does not say.
	Expires time.Time
	// UserID is the user that the person is; only with FactJoined, FactUnlistedUser and FactUserGone. It is "" when users
	// cannot be listed.
	UserID string
	// Access and AccessID are the name and the id; only with FactAccess.
	Access   AccessName
	AccessID string
}
