package sandbox

import (
	"cmp"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Mail is an invitation mail that the real API would have sent.
type Mail struct {
	To           string    `json:"to"` // as written in the request
	At           time.Time `json:"at"` // by the clock of the world
	InvitationID string    `json:"invitation_id"`
	Resend       bool      `json:"resend"` // the invitation was renewed, and is not new
}

// Mails returns all mails so far. The keys are the addresses in lower case, and the mails of each address are in the
// order of sending. There is no mail for an invitation of [Server.AddInvitation].
func (s *Server) Mails() map[string][]Mail {
	mails := map[string][]Mail{}
	s.readState(func(st *state, _ time.Time) {
		for _, m := range st.Mails {
			key := strings.ToLower(m.To)
			mails[key] = append(mails[key], m)
		}
	})
	return mails
}

// Accept accepts the newest pending invitation of an address. The person becomes a user without any access. Accept
// returns an error if no invitation is pending.
func (s *Server) Accept(email string) error { return s.AcceptAs(email, "") }

// AcceptAs is [Server.Accept] for a person who registers with the address registered; "" means the address that was
// invited.
func (s *Server) AcceptAs(email, registered string) error {
	return s.answerInvitation("accept", email, func(st *state, now time.Time, i Invitation) {
		st.accept(s.options.Dialect, now, i, cmp.Or(registered, i.Email))
	})
}

// Decline declines the newest pending invitation of an address. It returns an error if no invitation is pending.
func (s *Server) Decline(email string) error {
	return s.answerInvitation("decline", email, func(st *state, now time.Time, i Invitation) {
		st.respond(now, i, stateDeclined)
	})
}

// DeclineAs is [Server.Decline] for a person who is registered with the address registered. The invitation then has
// this address in email_registered.
func (s *Server) DeclineAs(email, registered string) error {
	return s.answerInvitation("decline", email, func(st *state, now time.Time, i Invitation) {
		i.Registered = registered
		st.respond(now, i, stateDeclined)
	})
}

// Cancel cancels the newest pending invitation of an address. The real API cannot do this, but the web console can.
// Cancel returns an error if no invitation is pending.
func (s *Server) Cancel(email string) error {
	return s.answerInvitation("cancel", email, func(st *state, now time.Time, i Invitation) {
		st.respond(now, i, stateCancelled)
	})
}

func (s *Server) answerInvitation(what, email string, do func(*state, time.Time, Invitation)) error {
	return s.changeState(func(st *state, now time.Time) error {
		i, ok := st.newestInvitation(email, now, statePending)
		if !ok {
			return fmt.Errorf("%s %s: %s", what, email, st.whyNothingPending(now, email))
		}
		do(st, now, i)
		return nil
	})
}

// whyNothingPending returns the reason why no invitation of an address is pending, for an error.
func (s *state) whyNothingPending(now time.Time, email string) string {
	if i, ok := s.newestInvitation(email, now, stateExpired); ok {
		return "the invitation expired at " + i.Expires.UTC().Format("2006-01-02 15:04 UTC")
	}
	for _, state := range []string{stateAccepted, stateDeclined, stateCancelled} {
		if i, ok := s.newestInvitation(email, now, state); ok {
			return "the invitation was " + state + " at " + i.Responded.UTC().Format("2006-01-02 15:04 UTC")
		}
	}
	if _, ok := s.userByEmail(email); ok {
		return "that user is in the organization and was never invited"
	}
	return "that address was never invited"
}

// maxOffset is the maximum of state.ClockOffset. A time.Duration cannot be longer than about 292 years, and a date
// must have a year of four digits.
const maxOffset = 200 * 365 * 24 * time.Hour

// Advance moves the clock of the world forward. It returns an error if d is negative, or if the clock would be more
// than 200 years ahead of the local time.
func (s *Server) Advance(d time.Duration) error {
	if d < 0 {
		return errors.New("advance: the clock does not go backwards")
	}
	return s.changeState(func(st *state, now time.Time) error {
		if d > maxOffset-st.ClockOffset {
			return fmt.Errorf("advance: the clock would be more than %d years ahead", maxOffset/(365*24*time.Hour))
		}
		st.ClockOffset += d
		st.nextStamp(now)
		return nil
	})
}

// Now returns the time of the world.
func (s *Server) Now() time.Time {
	var now time.Time
	s.readState(func(_ *state, t time.Time) { now = t })
	return now
}

// Suspend suspends the user with this address. It returns an error if there is no such user, or if the user is the
// owner.
func (s *Server) Suspend(email string) error {
	return s.changeUser("suspend", email, func(st *state, now time.Time, u User) { st.suspend(now, u, true) })
}

// Unsuspend ends the suspension of a user. It returns an error in the same cases as [Server.Suspend].
func (s *Server) Unsuspend(email string) error {
	return s.changeUser("unsuspend", email, func(st *state, now time.Time, u User) { st.suspend(now, u, false) })
}

// Leave removes the user with this address from the organization. It returns an error in the same cases as
// [Server.Suspend].
func (s *Server) Leave(email string) error {
	return s.changeUser("leave", email, func(st *state, now time.Time, u User) { st.remove(s.options.Dialect, now, u) })
}

// Rename changes the address of a user, as users and administrators can. email is the old address, and newEmail is
// the new one. It returns an error if there is no such user, or if another user has the new address.
func (s *Server) Rename(email, newEmail string) error {
	return s.changeState(func(st *state, now time.Time) error {
		u, ok := st.userByEmail(email)
		if !ok {
			return fmt.Errorf("rename %s: no user has that address", email)
		}
		if other, taken := st.userByEmail(newEmail); taken && other.ID != u.ID {
			return fmt.Errorf("rename %s: another user has the address %s", email, newEmail)
		}
		u.Email = newEmail
		st.Users.put(st.nextStamp(now), u.ID, u)
		return nil
	})
}

func (s *Server) changeUser(what, email string, do func(*state, time.Time, User)) error {
	return s.changeState(func(st *state, now time.Time) error {
		u, ok := st.userByEmail(email)
		switch {
		case !ok:
			return fmt.Errorf("%s %s: no user has that address", what, email)
		case u.ID == st.OwnerID:
			return fmt.Errorf("%s %s: that is the owner of the organization", what, email)
		}
		do(st, now, u)
		return nil
	})
}

// Reset replaces the world with a new one, which has a new organization. The time of the new world is the local time.
// Reset does not change the faults and the recorded requests.
func (s *Server) Reset() error { return s.store.replace(newState(s.store.local())) }

func (s *Server) changeState(do func(*state, time.Time) error) error {
	return s.store.update(func(st *state) error { return do(st, s.store.worldNow(st)) })
}

// readState calls read with the state and the time of the world. If the file cannot be read any more, it uses the
// state that was last read. The next request or change then returns the error.
func (s *Server) readState(read func(*state, time.Time)) {
	if s.store.view(func(st *state) { read(st, s.store.worldNow(st)) }) != nil {
		s.store.mu.Lock()
		defer s.store.mu.Unlock()
		read(s.store.state, s.store.worldNow(s.store.state))
	}
}
