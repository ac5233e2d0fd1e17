package sandbox

import (
	"cmp"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Mail is one invitation mail that would have gone out.
type Mail struct {
	To string `json:"to"` // written as in the request
	// At is the world's time.
	At           time.Time `json:"at"`
	InvitationID string    `json:"invitation_id"`
	Resend       bool      `json:"resend"`
}

// Mails are all mails so far by the address in lower case, each address's in the order of sending. Seeded invitations
// have no mail.
func (s *Server) Mails() map[string][]Mail {
	mails := map[string][]Mail{}
	s.copy(func(st *state, _ time.Time) {
		for _, m := range st.Mails {
			key := strings.ToLower(m.To)
			mails[key] = append(mails[key], m)
		}
	})
	return mails
}

// Accept lets the person behind email accept their newest pending invitation: they become a user without any access. It
// fails when nothing is pending.
func (s *Server) Accept(email string) error { return s.AcceptAs(email, "") }

// AcceptAs is [Server.Accept] by somebody who registers with another address; "" is the one that was invited.
func (s *Server) AcceptAs(email, as string) error {
	return s.answerInvitation("accept", email, func(st *state, now time.Time, i Invitation) {
		st.accept(now, i, cmp.Or(as, i.Email))
	})
}

// Decline lets the person behind email decline their newest pending invitation. It fails when nothing is pending.
func (s *Server) Decline(email string) error {
	return s.answerInvitation("decline", email, func(st *state, now time.Time, i Invitation) {
		st.respond(now, i, stateDeclined)
	})
}

// DeclineAs is [Server.Decline] by somebody who is registered with another address: the invitation
// names it from then on.
func (s *Server) DeclineAs(email, as string) error {
	return s.answerInvitation("decline", email, func(st *state, now time.Time, i Invitation) {
		i.Registered = as
		st.respond(now, i, stateDeclined)
	})
}

// Cancel withdraws the newest pending invitation of email, as somebody could in the console; the API has no way to. It
// fails when nothing is pending.
func (s *Server) Cancel(email string) error {
	return s.answerInvitation("cancel", email, func(st *state, now time.Time, i Invitation) {
		st.respond(now, i, stateCancelled)
	})
}

func (s *Server) answerInvitation(what, email string, do func(*state, time.Time, Invitation)) error {
	return s.change(func(st *state, now time.Time) error {
		i, ok := st.newestFor(email, now, statePending)
		if !ok {
			return fmt.Errorf("%s %s: %s", what, email, st.whyNothingPending(now, email))
		}
		do(st, now, i)
		return nil
	})
}

// whyNothingPending says what became of the invitations of email when none is pending.
func (s *state) whyNothingPending(now time.Time, email string) string {
	if i, ok := s.newestFor(email, now, stateExpired); ok {
		return "the invitation expired at " + i.Expires.UTC().Format("2006-01-02 15:04 UTC")
	}
	for _, state := range []string{stateAccepted, stateDeclined, stateCancelled} {
		if i, ok := s.newestFor(email, now, state); ok {
			return "the invitation was " + state + " at " + i.Responded.UTC().Format("2006-01-02 15:04 UTC")
		}
	}
	if _, ok := s.userByEmail(email); ok {
		return "that user is in the organization and was never invited"
	}
	return "that address was never invited"
}

// maxOffset is how far the world's clock may be ahead: dates beyond the year 9999 cannot be written.
const maxOffset = 200 * 365 * 24 * time.Hour

// Advance moves the world's clock. Negative durations are an error, and such as lead too far.
func (s *Server) Advance(d time.Duration) error {
	if d < 0 {
		return errors.New("advance: the clock does not go backwards")
	}
	return s.change(func(st *state, now time.Time) error {
		if d > maxOffset-st.ClockOffset {
			return fmt.Errorf("advance: the clock would be more than %d years ahead", maxOffset/(365*24*time.Hour))
		}
		st.ClockOffset += d
		st.next(now)
		return nil
	})
}

// Now is the world's clock.
func (s *Server) Now() time.Time {
	var now time.Time
	s.copy(func(_ *state, t time.Time) { now = t })
	return now
}

// Suspend suspends the user with that address. It fails when there is none.
func (s *Server) Suspend(email string) error {
	return s.changeUser("suspend", email, func(st *state, now time.Time, u User) { st.suspend(now, u, true) })
}

// Unsuspend ends a user's suspension. It fails when no user has that address.
func (s *Server) Unsuspend(email string) error {
	return s.changeUser("unsuspend", email, func(st *state, now time.Time, u User) { st.suspend(now, u, false) })
}

// Leave takes the user with that address out of the organization. It fails when there is none.
func (s *Server) Leave(email string) error {
	return s.changeUser("leave", email, func(st *state, now time.Time, u User) { st.remove(s.options.Dialect, now, u) })
}

// Rename gives the user with the address email another address, as people and administrators can. It fails when there
// is no such user, or to is another user's.
func (s *Server) Rename(email, to string) error {
	return s.change(func(st *state, now time.Time) error {
		u, ok := st.userByEmail(email)
		if !ok {
			return fmt.Errorf("rename %s: no user has that address", email)
		}
		if other, taken := st.userByEmail(to); taken && other.ID != u.ID {
			return fmt.Errorf("rename %s: another user has the address %s", email, to)
		}
		u.Email = to
		st.Users.put(st.next(now), u.ID, u)
		return nil
	})
}

func (s *Server) changeUser(what, email string, do func(*state, time.Time, User)) error {
	return s.change(func(st *state, now time.Time) error {
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

// Reset makes a fresh world with a new organization; its clock is the local one again. Faults and what is known about
// requests stay.
func (s *Server) Reset() error { return s.store.replace(newState(s.store.local())) }

func (s *Server) change(do func(*state, time.Time) error) error {
	return s.store.update(func(st *state) error { return do(st, s.store.worldNow(st)) })
}

// copy reads the state. If somebody damaged the file under the server, it is the state as it was last read: the next
// request or change gives the error.
func (s *Server) copy(read func(*state, time.Time)) {
	if s.store.view(func(st *state) { read(st, s.store.worldNow(st)) }) != nil {
		s.store.mu.Lock()
		defer s.store.mu.Unlock()
		read(s.store.state, s.store.worldNow(s.store.state))
	}
}
