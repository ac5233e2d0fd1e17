package ledger_test

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/orgsync/orgsync/internal/ledger"
	"github.com/orgsync/orgsync/internal/ledger/ledgertest"
	"github.com/orgsync/orgsync/internal/org"
	"github.com/orgsync/orgsync/internal/state"
)

var start = time.Date(2026, 6, 10, 12, 0, 0, 0, time.UTC)

// open opens the ledger of the organization o1 in s, at an hour after start.
func open(t *testing.T, s state.Store, hour float64) *ledger.Ledger {
	t.Helper()
	l, err := ledger.Open(t.Context(), s, ledger.Options{
		Organization: "o1",
		Now:          func() time.Time { return start.Add(time.Duration(hour * float64(time.Hour))) },
	})
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l
}

func at(hour float64) time.Time { return start.Add(time.Duration(hour * float64(time.Hour))) }

// must fails the test at once if err is not nil.
func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// mail records the intent and the outcome of a mail.
func mail(l *ledger.Ledger, who string, o ledger.Outcome, inv org.Invitation) error {
	return errors.Join(l.RecordIntent(who), l.RecordOutcome(ledger.Invite, who, o, inv, ""))
}

// edit records the intent and the outcome of an edit of ada.
func edit(l *ledger.Ledger, op org.EditOp, o ledger.Outcome) error {
	e := org.Edit{Op: op, Who: org.MustParseAddress("ada@example.com"), UserID: "u1"}
	return errors.Join(l.RecordEditIntent(e), l.RecordEditOutcome(e, o))
}

// ignoreEmpty ignores Memory.Empty, because only a ledger that is read from the store knows it.
var ignoreEmpty = cmpopts.IgnoreFields(org.Memory{}, "Empty")

// TestMemory compares the memory after a number of runs. It also checks that the open ledger and the ledger read from
// the store have the same memory.
func TestMemory(t *testing.T) {
	t.Parallel()
	const ada, bob = "ada@example.com", "bob@example.com"
	i1 := org.Invitation{ID: "i1", Expires: at(72)}
	type runs []func(*ledger.Ledger) error
	absent := func(l *ledger.Ledger) error {
		return l.RecordFacts([]org.Fact{{Kind: org.FactAbsent, Email: ada}})
	}
	tests := []struct {
		name string
		runs runs // run number n is at hour n
		want org.Memory
	}{
		{"nothing", runs{}, org.Memory{People: map[string]org.PersonRecord{}}},
		{"a mail that was sent", runs{func(l *ledger.Ledger) error { return mail(l, ada, ledger.Sent, i1) }},
			org.Memory{People: map[string]org.PersonRecord{ada: {Mails: []org.Mail{{Email: ada, InvitationID: "i1", Sequence: 1,
				At: at(0), Expires: at(72)}}}}}},
		{"an invitation that was renewed", runs{func(l *ledger.Ledger) error {
			return errors.Join(l.RecordRenewalIntent(ada, "i1", time.Time{}), l.RecordOutcome(ledger.Resend, ada,
				ledger.Sent, i1, ""))
		}}, org.Memory{People: map[string]org.PersonRecord{ada: {Mails: []org.Mail{{Email: ada, Renewal: true,
			InvitationID: "i1",
			Sequence:     1, At: at(0), Expires: at(72)}}}}}},
		{"a new invitation was requested, and the server renewed the old one", runs{func(l *ledger.Ledger) error {
			return errors.Join(l.RecordIntent(ada), l.RecordOutcome(ledger.Resend, ada, ledger.Sent, i1, ""))
		}}, org.Memory{People: map[string]org.PersonRecord{ada: {Mails: []org.Mail{{Email: ada, Renewal: true,
			InvitationID: "i1",
			Sequence:     1, At: at(0), Expires: at(72)}}}}}},
		{"one mail denied, and one not sent", runs{func(l *ledger.Ledger) error {
			return errors.Join(mail(l, ada, ledger.Refused, org.Invitation{}), mail(l, bob, ledger.NotSent, org.Invitation{}))
		}}, org.Memory{People: map[string]org.PersonRecord{ada: {}, bob: {}}}},
		{"an answer that was lost, by a line of an earlier version",
			runs{func(l *ledger.Ledger) error { return mail(l, ada, ledger.Lost, org.Invitation{}) }},
			org.Memory{People: map[string]org.PersonRecord{ada: {Mails: []org.Mail{{Email: ada, Sequence: 1, Lost: true,
				LostSequence: 2, ServerMayActUntil: at(0).Add(org.ActWithin), At: at(0)}}}}}},
		{"a request without an answer",
			runs{func(l *ledger.Ledger) error { return mail(l, ada, ledger.Abandoned, org.Invitation{}) }},
			org.Memory{People: map[string]org.PersonRecord{ada: {Mails: []org.Mail{{Email: ada, Sequence: 1, Lost: true,
				LostSequence: 2, ServerMayActUntil: at(0).Add(org.ActWithin), At: at(0)}}}}}},
		{"a request without an answer, and the mail was found later", runs{func(l *ledger.Ledger) error {
			return errors.Join(mail(l, ada, ledger.Abandoned, org.Invitation{}),
				l.RecordFacts([]org.Fact{{Kind: org.FactFound, Email: ada, InvitationID: "i1", Expires: at(72)}}))
		}}, org.Memory{People: map[string]org.PersonRecord{ada: {Mails: []org.Mail{{Email: ada, InvitationID: "i1",
			Sequence: 1,
			Found:    true, At: at(0), Expires: at(72)}}}}}},
		{"a lost answer with the id of an invitation",
			runs{func(l *ledger.Ledger) error { return mail(l, ada, ledger.Lost, org.Invitation{ID: "i7"}) }},
			org.Memory{People: map[string]org.PersonRecord{ada: {Mails: []org.Mail{{Email: ada, InvitationID: "i7", Sequence: 1,
				Lost: true, LostSequence: 2, ServerMayActUntil: at(0).Add(org.ActWithin), At: at(0)}}}}}},
		{"killed between the intent and the outcome",
			runs{func(l *ledger.Ledger) error { return l.RecordIntent(ada) }},
			org.Memory{People: map[string]org.PersonRecord{ada: {Mails: []org.Mail{{Email: ada, Sequence: 1, Lost: true,
				LostSequence: math.MaxInt, At: at(0).Add(org.SendWithin)}}}}}},
		{"a mail without an outcome is lost when the next run begins, and a later mail of the same run is no witness", runs{
			func(l *ledger.Ledger) error {
				return errors.Join(l.RecordIntent(ada), mail(l, bob, ledger.Sent, i1))
			},
			func(l *ledger.Ledger) error { return l.Begin(1, 0) },
		}, org.Memory{People: map[string]org.PersonRecord{
			ada: {Mails: []org.Mail{{Email: ada, Sequence: 1, Lost: true, LostSequence: 4,
				ServerMayActUntil: at(1).Add(org.ActWithin), At: at(0).Add(org.SendWithin)}}},
			bob: {Mails: []org.Mail{{Email: bob, InvitationID: "i1", Sequence: 2, At: at(0), Expires: at(72)}}},
		}}},
		{"lost, then found", runs{
			func(l *ledger.Ledger) error { return mail(l, ada, ledger.Lost, org.Invitation{}) },
			func(l *ledger.Ledger) error {
				return l.RecordFacts([]org.Fact{{Kind: org.FactFound, Email: ada, InvitationID: "i1", Expires: at(72)}})
			},
		}, org.Memory{People: map[string]org.PersonRecord{ada: {Mails: []org.Mail{{Email: ada, InvitationID: "i1",
			Sequence: 1,
			Found:    true, At: at(0), Expires: at(72)}}}}}},
		{"lost, then certainly not sent", runs{
			func(l *ledger.Ledger) error { return mail(l, ada, ledger.Lost, org.Invitation{}) },
			func(l *ledger.Ledger) error { return l.RecordFacts([]org.Fact{{Kind: org.FactAbsent, Email: ada}}) },
		}, org.Memory{People: map[string]org.PersonRecord{ada: {AssumedNotSent: true, Refusals: 1, RefusedAt: at(0)}}}},
		{"certainly not sent in two runs, and twice in a third", runs{
			func(l *ledger.Ledger) error { return mail(l, ada, ledger.Lost, org.Invitation{}) },
			func(l *ledger.Ledger) error {
				return errors.Join(absent(l), mail(l, ada, ledger.Lost, org.Invitation{}))
			},
			func(l *ledger.Ledger) error {
				return errors.Join(absent(l), mail(l, ada, ledger.Lost, org.Invitation{}), absent(l),
					mail(l, ada, ledger.Lost, org.Invitation{}))
			},
			absent,
		}, org.Memory{People: map[string]org.PersonRecord{ada: {AssumedNotSent: true, Refusals: 3, RefusedAt: at(2)}}}},
		{"certainly not sent, and lost again", runs{
			func(l *ledger.Ledger) error {
				return errors.Join(mail(l, ada, ledger.Lost, org.Invitation{}), absent(l),
					mail(l, ada, ledger.Lost, org.Invitation{}))
			},
		}, org.Memory{People: map[string]org.PersonRecord{ada: {AssumedNotSent: true, Refusals: 1, RefusedAt: at(0),
			Mails: []org.Mail{{Email: ada, Sequence: 4, Lost: true, LostSequence: 5, RefusalCounted: true,
				At: at(0), ServerMayActUntil: at(0).Add(org.ActWithin)}}}}}},
		{"refused, then certainly not sent in another run", runs{
			func(l *ledger.Ledger) error {
				return errors.Join(l.RecordIntent(ada),
					l.RecordOutcome(ledger.Invite, ada, ledger.Refused, org.Invitation{}, "no such mailbox"))
			},
			func(l *ledger.Ledger) error { return mail(l, ada, ledger.Lost, org.Invitation{}) },
			absent,
		}, org.Memory{People: map[string]org.PersonRecord{ada: {AssumedNotSent: true, Refusals: 2, RefusedAt: at(1)}}}},
		{"certainly not sent, and a later lost mail is found", runs{
			func(l *ledger.Ledger) error {
				return errors.Join(mail(l, ada, ledger.Lost, org.Invitation{}), absent(l),
					mail(l, ada, ledger.Lost, org.Invitation{}), l.RecordFacts([]org.Fact{{Kind: org.FactFound, Email: ada,
						InvitationID: "i1", Expires: at(72)}}))
			},
		}, org.Memory{People: map[string]org.PersonRecord{ada: {AssumedNotSent: true, Mails: []org.Mail{{
			Email: ada, InvitationID: "i1", Sequence: 4, Found: true, At: at(0), Expires: at(72)}}}}}},
		{"certainly not sent, and a later mail is sent", runs{
			func(l *ledger.Ledger) error {
				return errors.Join(mail(l, ada, ledger.Lost, org.Invitation{}), absent(l), mail(l, ada, ledger.Sent, i1))
			},
		}, org.Memory{People: map[string]org.PersonRecord{ada: {AssumedNotSent: true, Mails: []org.Mail{{
			Email: ada, InvitationID: "i1", Sequence: 4, At: at(0), Expires: at(72)}}}}}},
		{"certainly not sent, and joined later", runs{
			func(l *ledger.Ledger) error { return mail(l, ada, ledger.Lost, org.Invitation{}) },
			func(l *ledger.Ledger) error {
				return l.RecordFacts([]org.Fact{{Kind: org.FactAbsent, Email: ada}, {Kind: org.FactJoined, Email: ada}})
			},
		}, org.Memory{People: map[string]org.PersonRecord{ada: {Joined: true, JoinedAt: at(1), JoinedSequence: 4,
			RoundsResetSequence: 4, RoundsResetAt: at(1)}}}},
		{"removed, and listed right after", runs{func(l *ledger.Ledger) error {
			return errors.Join(edit(l, org.EditRemove, ledger.Sent), l.RecordFacts([]org.Fact{{Kind: org.FactJoined,
				Email: ada}}))
		}}, org.Memory{People: map[string]org.PersonRecord{ada: {Removed: true, RemovedUserID: "u1", Joined: true,
			JoinedAt: at(0), JoinedSequence: 3, RoundsResetSequence: 3, RoundsResetAt: at(0)}}}},
		{"removed, mailed again, and listed right after", runs{func(l *ledger.Ledger) error {
			return errors.Join(edit(l, org.EditRemove, ledger.Sent), mail(l, ada, ledger.Sent, i1),
				l.RecordFacts([]org.Fact{{Kind: org.FactJoined, Email: ada}}))
		}}, org.Memory{People: map[string]org.PersonRecord{ada: {Removed: true, RemovedUserID: "u1", Joined: true,
			Mails:    []org.Mail{{Email: ada, InvitationID: "i1", Sequence: 3, At: at(0), Expires: at(72)}},
			JoinedAt: at(0), JoinedSequence: 5, RoundsResetSequence: 5, RoundsResetAt: at(0)}}}},
		{"removed, and listed an hour later", runs{
			func(l *ledger.Ledger) error { return edit(l, org.EditRemove, ledger.Sent) },
			func(l *ledger.Ledger) error { return l.RecordFacts([]org.Fact{{Kind: org.FactJoined, Email: ada}}) },
		}, org.Memory{People: map[string]org.PersonRecord{ada: {Joined: true, JoinedAt: at(1), JoinedSequence: 3,
			RoundsResetSequence: 3, RoundsResetAt: at(1)}}}},
		{"joined", runs{
			func(l *ledger.Ledger) error { return mail(l, ada, ledger.Sent, i1) },
			func(l *ledger.Ledger) error { return l.RecordFacts([]org.Fact{{Kind: org.FactJoined, Email: ada}}) },
		}, org.Memory{People: map[string]org.PersonRecord{ada: {Joined: true, JoinedAt: at(1), JoinedSequence: 3,
			RoundsResetSequence: 3, RoundsResetAt: at(1)}}}},
		{"joined, and joined again as an unknown user", runs{
			func(l *ledger.Ledger) error {
				return l.RecordFacts([]org.Fact{{Kind: org.FactJoined, Email: ada, UserID: "u1"}})
			},
			func(l *ledger.Ledger) error {
				return l.RecordFacts([]org.Fact{{Kind: org.FactJoined, Email: ada}})
			},
		}, org.Memory{People: map[string]org.PersonRecord{ada: {Joined: true, JoinedAt: at(1), JoinedSequence: 2,
			UserID: "u1", UserSequence: 1, RoundsResetSequence: 2, RoundsResetAt: at(1)}}}},
		{"suspended, and a second request is refused", runs{func(l *ledger.Ledger) error {
			return errors.Join(edit(l, org.EditSuspend, ledger.Lost), edit(l, org.EditSuspend, ledger.Refused))
		}}, org.Memory{People: map[string]org.PersonRecord{ada: {Suspended: true, SuspendedAt: at(0),
			SuspendedUserID: "u1"}}}},
		{"suspended, and the request for another user with the address is refused", runs{func(l *ledger.Ledger) error {
			other := org.Edit{Op: org.EditSuspend, Who: org.MustParseAddress(ada), UserID: "u2"}
			return errors.Join(edit(l, org.EditSuspend, ledger.Sent), l.RecordEditIntent(other),
				l.RecordEditOutcome(other, ledger.Refused))
		}}, org.Memory{People: map[string]org.PersonRecord{ada: {Suspended: true, SuspendedAt: at(0),
			SuspendedUserID: "u1"}}}},
		{"removed, and a second request is refused", runs{func(l *ledger.Ledger) error {
			return errors.Join(edit(l, org.EditRemove, ledger.Lost), edit(l, org.EditRemove, ledger.Refused))
		}}, org.Memory{People: map[string]org.PersonRecord{ada: {Removed: true, RemovedUserID: "u1"}}}},
		{"neither suspended nor removed", runs{func(l *ledger.Ledger) error {
			return errors.Join(edit(l, org.EditSuspend, ledger.Refused), edit(l, org.EditRemove, ledger.NotSent))
		}}, org.Memory{People: map[string]org.PersonRecord{ada: {}}}},
		{"suspended, and then removed", runs{func(l *ledger.Ledger) error {
			return errors.Join(edit(l, org.EditSuspend, ledger.Sent), edit(l, org.EditRemove, ledger.Sent))
		}}, org.Memory{People: map[string]org.PersonRecord{ada: {Removed: true, RemovedUserID: "u1"}}}},
		{"suspended, and then removed by the id in lower case", runs{func(l *ledger.Ledger) error {
			other := org.Edit{Op: org.EditSuspend, Who: org.MustParseAddress(ada), UserID: "U1"}
			return errors.Join(l.RecordEditIntent(other), l.RecordEditOutcome(other, ledger.Sent),
				edit(l, org.EditRemove, ledger.Sent))
		}}, org.Memory{People: map[string]org.PersonRecord{ada: {Removed: true, RemovedUserID: "u1"}}}},
		{"suspended, and another user with the address removed", runs{func(l *ledger.Ledger) error {
			other := org.Edit{Op: org.EditSuspend, Who: org.MustParseAddress(ada), UserID: "u2"}
			return errors.Join(l.RecordEditIntent(other), l.RecordEditOutcome(other, ledger.Sent),
				edit(l, org.EditRemove, ledger.Sent))
		}}, org.Memory{People: map[string]org.PersonRecord{ada: {Suspended: true, SuspendedAt: at(0), SuspendedUserID: "u2",
			Removed: true, RemovedUserID: "u1"}}}},
		{"suspended, and the answer to the removal was lost", runs{func(l *ledger.Ledger) error {
			return errors.Join(edit(l, org.EditSuspend, ledger.Sent), edit(l, org.EditRemove, ledger.Lost))
		}}, org.Memory{People: map[string]org.PersonRecord{ada: {Suspended: true, SuspendedAt: at(0),
			SuspendedUserID: "u1", Removed: true, RemovedUserID: "u1"}}}},
		{"suspended, and the answer to the unsuspension was lost", runs{func(l *ledger.Ledger) error {
			return errors.Join(edit(l, org.EditSuspend, ledger.Sent), edit(l, org.EditUnsuspend, ledger.Lost))
		}}, org.Memory{People: map[string]org.PersonRecord{ada: {Suspended: true, SuspendedAt: at(0),
			SuspendedUserID: "u1"}}}},
		{"suspended, and unsuspended", runs{func(l *ledger.Ledger) error {
			return errors.Join(edit(l, org.EditSuspend, ledger.Sent), edit(l, org.EditUnsuspend, ledger.Sent))
		}}, org.Memory{People: map[string]org.PersonRecord{ada: {}}}},
		{"suspended by a request without an answer, and unsuspended at once", runs{func(l *ledger.Ledger) error {
			return errors.Join(edit(l, org.EditSuspend, ledger.Lost), edit(l, org.EditUnsuspend, ledger.Sent))
		}}, org.Memory{People: map[string]org.PersonRecord{ada: {Suspended: true, SuspendedAt: at(0),
			SuspendedUserID: "u1"}}}},
		{"suspended by a request without an answer, and unsuspended an hour later", runs{
			func(l *ledger.Ledger) error { return edit(l, org.EditSuspend, ledger.Lost) },
			func(l *ledger.Ledger) error { return edit(l, org.EditUnsuspend, ledger.Sent) },
		}, org.Memory{People: map[string]org.PersonRecord{ada: {}}}},
		{"suspended by a request without an answer, and removed at once", runs{func(l *ledger.Ledger) error {
			return errors.Join(edit(l, org.EditSuspend, ledger.Lost), edit(l, org.EditRemove, ledger.Sent))
		}}, org.Memory{People: map[string]org.PersonRecord{ada: {Removed: true, RemovedUserID: "u1"}}}},
		{"suspended under an alias, and unsuspended", runs{func(l *ledger.Ledger) error {
			alias := org.Edit{Op: org.EditSuspend, Who: org.MustParseAddress("lady@example.com"), UserID: "u1"}
			return errors.Join(l.RecordEditIntent(alias), l.RecordEditOutcome(alias, ledger.Sent),
				edit(l, org.EditUnsuspend, ledger.Sent))
		}}, org.Memory{People: map[string]org.PersonRecord{ada: {}, "lady@example.com": {}}}},
		{"suspended under an alias, and unsuspended by the id in lower case", runs{func(l *ledger.Ledger) error {
			alias := org.Edit{Op: org.EditSuspend, Who: org.MustParseAddress("lady@example.com"), UserID: "U1"}
			return errors.Join(l.RecordEditIntent(alias), l.RecordEditOutcome(alias, ledger.Sent),
				edit(l, org.EditUnsuspend, ledger.Sent))
		}}, org.Memory{People: map[string]org.PersonRecord{ada: {}, "lady@example.com": {}}}},
		{"joined, and removed under another address by the id in upper case", runs{func(l *ledger.Ledger) error {
			alias := org.Edit{Op: org.EditRemove, Who: org.MustParseAddress("lady@example.com"), UserID: "U1"}
			return errors.Join(l.RecordFacts([]org.Fact{{Kind: org.FactJoined, Email: ada, UserID: "u1"}}),
				l.RecordEditIntent(alias), l.RecordEditOutcome(alias, ledger.Sent))
		}}, org.Memory{People: map[string]org.PersonRecord{
			ada: {Joined: true, JoinedAt: at(0), JoinedSequence: 1, UserID: "u1", UserSequence: 1, RoundsResetSequence: 1,
				RoundsResetAt: at(0), Removed: true, RemovedUserID: "U1"},
			"lady@example.com": {Removed: true, RemovedUserID: "U1"},
		}}},
		{"unlisted twice, and gone by an id in upper case", runs{func(l *ledger.Ledger) error {
			var facts []org.Fact
			for _, id := range []string{"u7", "U7", "u8", "U9", "u9"} {
				facts = append(facts, org.Fact{Kind: org.FactUnlistedUser, Email: ada, UserID: id})
			}
			return l.RecordFacts(append(facts, org.Fact{Kind: org.FactUserGone, UserID: "U8"}))
		}}, org.Memory{Unlisted: map[string]org.Sighting{"u7": {Email: ada, Sequence: 1, At: at(0)},
			"u9": {Email: ada, Sequence: 4, At: at(0)}}}},
		{"suspended under an alias, and another user with the alias later", runs{func(l *ledger.Ledger) error {
			alias := org.Edit{Op: org.EditSuspend, Who: org.MustParseAddress("lady@example.com"), UserID: "u1"}
			second := alias
			second.UserID = "u2"
			return errors.Join(l.RecordEditIntent(alias), l.RecordEditOutcome(alias, ledger.Sent),
				l.RecordEditIntent(second), l.RecordEditOutcome(second, ledger.Sent), edit(l, org.EditUnsuspend, ledger.Sent))
		}}, org.Memory{People: map[string]org.PersonRecord{ada: {}, "lady@example.com": {Suspended: true,
			SuspendedAt: at(0), SuspendedUserID: "u2"}}}},
		{"no longer in the roster", runs{
			func(l *ledger.Ledger) error { return mail(l, ada, ledger.Sent, i1) },
			func(l *ledger.Ledger) error { return l.RecordFacts([]org.Fact{{Kind: org.FactUnlisted, Email: ada}}) },
		}, org.Memory{People: map[string]org.PersonRecord{ada: {
			Mails:               []org.Mail{{Email: ada, InvitationID: "i1", Sequence: 1, At: at(0), Expires: at(72)}},
			RoundsResetSequence: 3, RoundsResetAt: at(1), Unlisted: true, UnlistedSequence: 3,
		}}}},
		{"no longer in the roster, and listed again", runs{
			func(l *ledger.Ledger) error { return l.RecordFacts([]org.Fact{{Kind: org.FactUnlisted, Email: ada}}) },
			func(l *ledger.Ledger) error { return mail(l, ada, ledger.Sent, i1) },
		}, org.Memory{People: map[string]org.PersonRecord{ada: {
			Mails:               []org.Mail{{Email: ada, InvitationID: "i1", Sequence: 2, At: at(1), Expires: at(72)}},
			RoundsResetSequence: 1, RoundsResetAt: at(0),
		}}}},
		{"rounds reset", runs{
			func(l *ledger.Ledger) error {
				return errors.Join(mail(l, ada, ledger.Sent, i1), l.RecordFacts([]org.Fact{{Kind: org.FactReset, Email: ada}}))
			},
		}, org.Memory{People: map[string]org.PersonRecord{ada: {
			Mails:               []org.Mail{{Email: ada, InvitationID: "i1", Sequence: 1, At: at(0), Expires: at(72)}},
			RoundsResetSequence: 3, RoundsResetAt: at(0), ReinvitedSequence: 3,
		}}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			store := &ledgertest.Store{}
			for i, run := range tt.runs {
				l := open(t, store, float64(i))
				must(t, run(l))
				inProcess := l.Memory()
				must(t, l.Close())
				readBack, warnings, err := ledger.Read(t.Context(), store, "o1")
				must(t, err)
				if len(warnings) > 0 {
					t.Errorf("warnings about an undamaged ledger: %q", warnings)
				}
				if diff := cmp.Diff(readBack, inProcess, ignoreEmpty); diff != "" {
					t.Errorf("the memory that is read differs from that of the run (-read +run):\n%s", diff)
				}
			}
			got, _, err := ledger.Read(t.Context(), store, "o1")
			must(t, err)
			if diff := cmp.Diff(tt.want, got, cmpopts.EquateEmpty(), ignoreEmpty, cmpopts.IgnoreFields(org.PersonRecord{},
				"EverMailed", "OnlyMailSequence", "FailedAt", "RemovedAt", "RemovedSequence", "Removals"),
				cmpopts.IgnoreFields(org.Mail{}, "Estimated")); diff != "" {
				t.Errorf("memory (-want +got):\n%s", diff)
			}
		})
	}
}

// TestLostMailCountsFromItsOutcome: a lost mail counts as sent at the time of its outcome, long after its intent. It
// may have been sent until then.
func TestLostMailCountsFromItsOutcome(t *testing.T) {
	t.Parallel()
	minutes := 0
	l, err := ledger.Open(t.Context(), &ledgertest.Store{}, ledger.Options{Organization: "o1", Now: func() time.Time {
		minutes++
		return start.Add(time.Duration(minutes) * time.Minute)
	}})
	must(t, err)
	must(t, mail(l, "ada@example.com", ledger.Lost, org.Invitation{}))
	if got := l.Memory().People["ada@example.com"].Mails[0].At; !got.Equal(start.Add(2 * time.Minute)) {
		t.Errorf("it counts as sent at %v, and its outcome is from %v", got, start.Add(2*time.Minute))
	}
	must(t, l.Close())
}

// TestUndatedMailExpiresAfterItsOutcome: a mail without an expiration expires three days after the time of its
// outcome. It may have been sent until then.
func TestUndatedMailExpiresAfterItsOutcome(t *testing.T) {
	t.Parallel()
	minutes := 0
	l, err := ledger.Open(t.Context(), &ledgertest.Store{}, ledger.Options{Organization: "o1", Now: func() time.Time {
		minutes++
		return start.Add(time.Duration(minutes) * time.Minute)
	}})
	must(t, err)
	must(t, mail(l, "ada@example.com", ledger.Sent, org.Invitation{ID: "i1"}))
	if got, want := l.Memory().People["ada@example.com"].Mails[0].ExpiresAt(),
		start.Add(2*time.Minute+org.InvitationLife); !got.Equal(want) {
		t.Errorf("it expires at %v, want %v", got, want)
	}
	must(t, l.Close())
}

func TestTornLastLine(t *testing.T) {
	t.Parallel()
	whole := &ledgertest.Store{}
	l := open(t, whole, 0)
	must(t, l.RecordIntent("ada@example.com"))
	must(t, l.RecordOutcome(ledger.Invite, "ada@example.com", ledger.Sent, org.Invitation{ID: "i1"}, ""))
	content, _ := whole.Read(t.Context())
	second := bytes.IndexByte(content, '\n') + 1
	for cut := second + 1; cut < len(content); cut++ {
		s := &ledgertest.Store{}
		must(t, s.Append(content[:cut]))
		l := open(t, s, 1)
		if w := l.Warnings(); len(w) != 1 || !strings.Contains(w[0], "incomplete") {
			t.Fatalf("cut at byte %d: warnings %q", cut, w)
		}
		// Without a complete outcome the mail is lost. An outcome that lacks only its line end is complete.
		if m := l.Memory().People["ada@example.com"].Mails; len(m) != 1 || m[0].Lost != (cut < len(content)-1) {
			t.Fatalf("cut at byte %d: the memory has %+v", cut, m)
		}
		must(t, l.Begin(0, 0))
		must(t, l.Close())
		if w := open(t, s, 2).Warnings(); len(w) != 0 {
			t.Fatalf("cut at byte %d: not repaired: %q", cut, w)
		}
		if len(s.Aside()) != 0 {
			t.Fatalf("cut at byte %d: a ledger with an incomplete last line was set aside", cut)
		}
	}
}

func TestDamagedMiddle(t *testing.T) {
	t.Parallel()
	for _, instead := range []string{"\x00\x00\x00", "half a line"} {
		s := &ledgertest.Store{}
		l := open(t, s, 0)
		for _, who := range []string{"ada@example.com", "bob@example.com"} {
			must(t, l.RecordIntent(who))
			must(t, l.RecordOutcome(ledger.Invite, who, ledger.Sent, org.Invitation{ID: "i-" + who}, ""))
		}
		must(t, l.Close())
		content, _ := s.Read(t.Context())
		damaged := bytes.Replace(content, []byte(`"action":"invite"`), []byte(instead), 1)
		must(t, s.Replace(damaged))

		_, warnings, err := ledger.Read(t.Context(), s, "o1")
		must(t, err)
		if len(warnings) != 1 || !strings.Contains(warnings[0], "line 1") {
			t.Errorf("reading warns %q", warnings)
		}
		l = open(t, s, 1)
		if w := l.Warnings(); len(w) != 1 || !strings.Contains(w[0], "line 1 of the ledger cannot be read") ||
			!strings.Contains(w[0], "kept as memory (damaged)") {
			t.Errorf("opening warns %q", w)
		}
		if m := l.Memory(); len(m.People["bob@example.com"].Mails) != 1 {
			t.Errorf("the undamaged lines are lost: %+v", m)
		}
		if a := s.Aside(); len(a) != 1 || !bytes.Equal(a[0], damaged) {
			t.Errorf("set aside %q", a)
		}
		must(t, l.Close())
		if w := open(t, s, 2).Warnings(); len(w) != 0 {
			t.Errorf("warned again: %q", w)
		}
	}
}

// TestDamagedIntent: if the intent of a mail cannot be read, its outcome still shows that the person was mailed, or
// may have been mailed.
func TestDamagedIntent(t *testing.T) {
	t.Parallel()
	for outcome, want := range map[ledger.Outcome][]org.Mail{
		ledger.Sent: {{Email: "ada@example.com", InvitationID: "i1", Sequence: 1, Found: true, At: at(0),
			Expires: at(72)}},
		ledger.Lost: {{Email: "ada@example.com", InvitationID: "i1", Sequence: 1, Lost: true, LostSequence: 1,
			ServerMayActUntil: at(0).Add(org.ActWithin), At: at(0)}},
		ledger.Refused: nil,
		ledger.NotSent: nil,
	} {
		s := &ledgertest.Store{}
		l := open(t, s, 0)
		must(t, l.RecordIntent("ada@example.com"))
		must(t, l.RecordOutcome(ledger.Invite, "ada@example.com", outcome, org.Invitation{ID: "i1", Expires: at(72)}, ""))
		must(t, l.Close())
		content, _ := s.Read(t.Context())
		content[0] = '#'
		must(t, s.Replace(content))
		if diff := cmp.Diff(want, open(t, s, 1).Memory().People["ada@example.com"].Mails); diff != "" {
			t.Errorf("%s: mails (-want +got):\n%s", outcome, diff)
		}
	}
}

func TestLinesOfOtherOrganizationOrVersion(t *testing.T) {
	t.Parallel()
	for name, line := range map[string]string{
		"another organization": `{"v":1,"organization_id":"o2","run":"r","time":"2026-06-10T12:00:00Z",` +
			`"email":"ada@example.com","action":"invite"}`,
		"a later version": `{"v":2,"organization_id":"o1","run":"r","time":"2026-06-10T12:00:00Z",` +
			`"email":"ada@example.com","action":"invite"}`,
		"a later version with a field of another type": `{"v":2,"organization_id":"o1","run":"r",` +
			`"time":"2026-06-10T12:00:00Z","email":["ada@example.com"],"action":"invite"}`,
		"a later version with another time": `{"v":2,"organization_id":"o1","run":"r","time":1781092800,` +
			`"email":"ada@example.com","action":"invite"}`,
		"a later version without an action": `{"v":2,"organization_id":"o1","run":"r","time":"2026-06-10T12:00:00Z",` +
			`"email":"ada@example.com","event":"invite"}`,
	} {
		for _, end := range []string{"\n", ""} { // the end may be lost in a power cut
			s := &ledgertest.Store{}
			must(t, s.Append([]byte(line+end)))
			if _, err := ledger.Copy(t.Context(), s, &ledgertest.Store{}, ledger.CopyOptions{Organization: "o1"}); err == nil {
				t.Errorf("%s%q: copied", name, end)
			}
		}
		s := &ledgertest.Store{}
		must(t, s.Append([]byte(line+"\n")))
		l, err := ledger.Open(t.Context(), s, ledger.Options{Organization: "o1", Now: time.Now})
		if err == nil {
			t.Errorf("%s: opened %v", name, l.Memory())
		}
		// The lock must not stay behind.
		if lease, err := s.Acquire(t.Context(), state.Holder{}, 0); err != nil {
			t.Errorf("%s: %v", name, err)
		} else {
			must(t, lease.Release())
		}
	}
}

func TestNothingIsWrittenAfterAFailure(t *testing.T) {
	t.Parallel()
	full := errors.New("no space left on device")
	fail := false
	s := &ledgertest.Store{OnAppend: func(lines []byte) (int, error) {
		if fail {
			return len(lines) / 2, full
		}
		return 0, nil
	}}
	l := open(t, s, 0)
	must(t, l.RecordIntent("ada@example.com"))
	fail = true
	if err := l.RecordIntent("bob@example.com"); !errors.Is(err, full) {
		t.Errorf("got %v", err)
	}
	fail = false
	if err := l.RecordIntent("cy@example.com"); !errors.Is(err, full) {
		t.Errorf("after a failure: got %v", err)
	}
	must(t, l.Close())
	l = open(t, s, 1)
	if m := l.Memory(); len(m.People) != 1 {
		t.Errorf("the memory has %v", m.People)
	}
}

func TestBeginNeedsRoom(t *testing.T) {
	t.Parallel()
	full := errors.New("no space left on device")
	asked := 0
	s := &ledgertest.Store{OnReserve: func(n int) error { asked = n; return full }}
	l := open(t, s, 0)
	if err := l.Begin(10, 5); !errors.Is(err, full) {
		t.Errorf("got %v", err)
	}
	// A mail may need 12 lines: two each for a renewal, for a new invitation and for its other form, and all of them
	// twice. An edit may need four lines: two, and both of them twice.
	long := strings.Repeat("a", 64) + "@" + strings.Repeat("b", 180) + ".example"
	must(t, l.RecordRenewalIntent(long, strings.Repeat("0", 36), time.Time{}))
	content, _ := s.Read(t.Context())
	if lines := 12*10 + 4*5; len(content)*lines > asked+len(content) {
		t.Errorf("asked for %d bytes, a line of %d may be written %d times", asked, len(content), lines)
	}
}

// TestDamagedLedgerNeedsRoom: runs on a full disk do not leave a copy of the damaged ledger each time.
func TestDamagedLedgerNeedsRoom(t *testing.T) {
	t.Parallel()
	full := errors.New("no space left on device")
	asked := 0
	s := &ledgertest.Store{OnReserve: func(n int) error { asked = n; return full }}
	must(t, s.Replace([]byte("rubbish\n")))
	if _, err := ledger.Open(t.Context(), s, ledger.Options{Organization: "o1", Now: time.Now}); !errors.Is(err, full) {
		t.Errorf("got %v", err)
	}
	if copies := s.Aside(); len(copies) > 0 || asked < 2*len("rubbish\n") {
		t.Errorf("set aside %q; asked for room for %d bytes", copies, asked)
	}
}

// TestManyWriters: lines of many goroutines are all written, in a few batches. Each line is written before its call
// returns.
func TestManyWriters(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		batches := 0
		s := &ledgertest.Store{OnAppend: func([]byte) (int, error) {
			batches++
			time.Sleep(10 * time.Millisecond) // like a slow disk
			return 0, nil
		}}
		l := open(t, s, 0)
		var wg sync.WaitGroup
		for i := range 100 {
			wg.Go(func() {
				who := fmt.Sprintf("p%d@example.com", i)
				must(t, l.RecordIntent(who))
				if content, _ := s.Read(t.Context()); !bytes.Contains(content, []byte(who)) {
					t.Errorf("%s is not written yet", who)
				}
			})
		}
		wg.Wait()
		if m := l.Memory(); len(m.People) != 100 {
			t.Errorf("the memory has %d people", len(m.People))
		}
		if batches > 3 {
			t.Errorf("%d writes for lines that came together", batches)
		}
	})
}

// TestCompaction makes 200 runs with mails, and in some of them people join and leave the roster. The ledger must
// stay small and lose nothing that the planner needs.
func TestCompaction(t *testing.T) {
	t.Parallel()
	s := &ledgertest.Store{}
	largest := 0
	var before *org.Memory
	for run := range 200 {
		l := open(t, s, float64(run))
		if before != nil {
			if diff := cmp.Diff(*before, l.Memory(), ignoreEmpty, cmpopts.IgnoreFields(org.Mail{}, "Sequence", "LostSequence"),
				cmpopts.IgnoreFields(org.PersonRecord{}, "RoundsResetSequence", "Mails", "OnlyMailSequence",
					"ReinvitedSequence", "JoinedSequence")); diff != "" {
				t.Fatalf("run %d has another memory (-before +after):\n%s", run, diff)
			}
		}
		must(t, l.Begin(30, 0))
		for i := range 30 {
			who := fmt.Sprintf("p%d@example.com", i)
			if run == 150 && i == 7 {
				must(t, l.RecordIntent(who)) // the run is killed before the outcome
				continue
			}
			must(t, l.RecordIntent(who))
			must(t, l.RecordOutcome(ledger.Invite, who, ledger.Sent, org.Invitation{ID: fmt.Sprint("i", run, i),
				Expires: at(float64(run) + 72)}, ""))
			if run%10 == 9 && run < 150 {
				must(t, l.RecordFacts([]org.Fact{{Kind: org.FactJoined, Email: who}, {Kind: org.FactUnlisted, Email: who}}))
			}
		}
		now := l.Memory()
		before = &now
		must(t, l.Close())
		content, _ := s.Read(t.Context())
		largest = max(largest, len(content))
	}
	if largest > 3<<20 {
		t.Errorf("the ledger grew to %d bytes", largest)
	}
	lost := 0
	for _, m := range before.People["p7@example.com"].Mails {
		if m.Lost {
			lost++
		}
	}
	if lost != 1 {
		t.Errorf("the memory has %d lost mails, want 1", lost)
	}
}

// TestCompactionKeepsRoundsAndUnlistedPeople: after compaction, the ledger still has the reset of mail counts, and
// the people who left the roster.
func TestCompactionKeepsRoundsAndUnlistedPeople(t *testing.T) {
	t.Parallel()
	s := &ledgertest.Store{}
	l := open(t, s, 0)
	for _, who := range []string{"ada@example.com", "bob@example.com"} {
		must(t, mail(l, who, ledger.Sent, org.Invitation{ID: "i-" + who, Expires: at(5000)}))
	}
	must(t, l.RecordFacts([]org.Fact{{Kind: org.FactReset, Email: "ada@example.com"},
		{Kind: org.FactUnlisted, Email: "bob@example.com"}}))
	must(t, l.RecordFacts([]org.Fact{{Kind: org.FactUnlisted, Email: "cat@example.com"},
		{Kind: org.FactJoined, Email: "cat@example.com"}}))
	must(t, mail(l, "dan@example.com", ledger.Lost, org.Invitation{}))
	must(t, l.RecordFacts([]org.Fact{{Kind: org.FactAbsent, Email: "dan@example.com"}}))
	for range 4000 {
		must(t, mail(l, "ben@example.com", ledger.NotSent, org.Invitation{}))
	}
	before := l.Memory()
	must(t, l.Close())
	long, _ := s.Read(t.Context())
	l = open(t, s, 1)
	short, _ := s.Read(t.Context())
	if len(short) > len(long)/2 {
		t.Fatalf("%d bytes of %d are left", len(short), len(long))
	}
	after := l.Memory()
	if _, known := after.People["ben@example.com"]; known {
		t.Error("the memory has a person with mails only that were not sent")
	}
	for who, r := range after.People {
		for _, m := range r.Mails {
			if counts := m.Sequence > r.RoundsResetSequence; counts {
				t.Errorf("%s: a mail from before the reset counts", who)
			}
		}
		if r.Unlisted != before.People[who].Unlisted || r.AssumedNotSent != before.People[who].AssumedNotSent ||
			r.Joined != before.People[who].Joined || len(r.Mails) != len(before.People[who].Mails) {
			t.Errorf("%s: %+v, was %+v", who, r, before.People[who])
		}
	}
	if len(after.People) != 4 {
		t.Errorf("the memory has %d people, want 4", len(after.People))
	}
}

// TestCompactionKeepsFacts: compaction does not change what the ledger knows besides mails.
func TestCompactionKeepsFacts(t *testing.T) {
	t.Parallel()
	s := &ledgertest.Store{}
	for run := range 3 { // refusals count once in each run
		l := open(t, s, float64(run))
		must(t, l.RecordIntent("fay@example.com"))
		must(t, l.RecordOutcome(ledger.Invite, "fay@example.com", ledger.Refused, org.Invitation{}, "no such mailbox"))
		must(t, edit(l, org.EditRemove, ledger.Sent)) // ada
		must(t, mail(l, "gil@example.com", ledger.Lost, org.Invitation{}))
		must(t, l.RecordFacts([]org.Fact{{Kind: org.FactAbsent, Email: "gil@example.com"}}))
		must(t, l.RecordIntent("hal@example.com")) // the run ended before the outcome
		must(t, l.Close())
		l = open(t, s, float64(run)+0.5)
		must(t, l.RecordFacts([]org.Fact{{Kind: org.FactAbsent, Email: "hal@example.com"}}))
		must(t, l.Close())
	}
	l := open(t, s, 3)
	must(t, mail(l, "ian@example.com", ledger.Refused, org.Invitation{}))
	must(t, l.RecordFacts([]org.Fact{
		{Kind: org.FactUnlistedUser, Email: "eve@example.com", UserID: "u7"},
		{Kind: org.FactAccess, Access: &org.NamedAccess{
			AccessName: org.AccessName{Kind: org.KindGroup, Name: "platform"}, ID: "g1"}},
		{Kind: org.FactAccess, Access: &org.NamedAccess{
			AccessName: org.AccessName{Kind: org.KindRole, Name: "platform"}, ID: "r1"}},
	}))
	must(t, l.Close())
	want, _, err := ledger.Read(t.Context(), s, "o1")
	must(t, err)
	ada, fay := want.People["ada@example.com"], want.People["fay@example.com"]
	gil, hal := want.People["gil@example.com"], want.People["hal@example.com"]
	ian := want.People["ian@example.com"]
	if len(ada.Removals) != 2 || ian.FailedAt.IsZero() || fay.Refusals != 3 || gil.Refusals != 3 || hal.Refusals != 3 ||
		len(want.Unlisted) != 1 || len(want.Access) != 2 {
		t.Fatalf("the memory is not what the test needs: %+v", want)
	}
	l = open(t, s, 4)
	for range 4000 {
		must(t, mail(l, "ben@example.com", ledger.NotSent, org.Invitation{}))
	}
	must(t, l.Close())
	long, _ := s.Read(t.Context())
	l = open(t, s, 5)
	if short, _ := s.Read(t.Context()); len(short) > len(long)/2 {
		t.Fatalf("%d bytes of %d are left", len(short), len(long))
	}
	if diff := cmp.Diff(want, l.Memory(), ignoreEmpty, cmpopts.IgnoreFields(org.Sighting{}, "Sequence"),
		cmpopts.IgnoreFields(org.PersonRecord{}, "RemovedSequence", "RoundsResetSequence")); diff != "" {
		t.Errorf("the memory (-before +after compaction):\n%s", diff)
	}
}

// TestFoundLedger: somebody appends a ledger that was lost to the ledger that replaced it. The times of the newer lines
// stay as they are, also after compaction.
func TestFoundLedger(t *testing.T) {
	t.Parallel()
	found, s := ledgerWithMails(t, "ada@example.com"), &ledgertest.Store{}
	l := open(t, s, 100)
	sent := start.Add(100 * time.Hour)
	must(t, mail(l, "bob@example.com", ledger.Sent, org.Invitation{ID: "i2", Expires: sent.Add(org.InvitationLife)}))
	must(t, l.RecordFacts([]org.Fact{{Kind: org.FactUnlistedUser, Email: "eve@example.com", UserID: "u7"}}))
	must(t, l.Close())
	newer, err := s.Read(t.Context())
	must(t, err)
	older, err := found.Read(t.Context())
	must(t, err)
	must(t, s.Replace(slices.Concat(newer, older)))
	memory, warnings, err := ledger.Read(t.Context(), s, "o1")
	must(t, err)
	bob := memory.People["bob@example.com"].Mails
	if len(bob) != 1 || bob[0].At.Before(sent) || !bob[0].Expires.Equal(sent.Add(org.InvitationLife)) ||
		memory.Unlisted["u7"].At.Before(sent) || memory.Unlisted["u7"].Email != "eve@example.com" ||
		len(memory.People["ada@example.com"].Mails) != 1 || len(warnings) > 0 {
		t.Errorf("%+v, %q", memory, warnings)
	}
}

// TestSightingOfUnlistedUser: a user no longer counts as unlisted after the user is a person of the roster or was
// removed. So if the user is unlisted again, the waiting time begins again.
func TestSightingOfUnlistedUser(t *testing.T) {
	t.Parallel()
	eve := org.MustParseAddress("eve@example.com")
	remove := org.Edit{Op: org.EditRemove, Who: eve, UserID: "U7"}
	for name, tt := range map[string]struct {
		happens func(*ledger.Ledger) error
		stays   bool
	}{
		"joined": {func(l *ledger.Ledger) error {
			return l.RecordFacts([]org.Fact{{Kind: org.FactJoined, Email: eve.Key(), UserID: "U7"}})
		}, false},
		"another user joined": {func(l *ledger.Ledger) error {
			return l.RecordFacts([]org.Fact{{Kind: org.FactJoined, Email: eve.Key(), UserID: "u8"}})
		}, true},
		"removed":         {func(l *ledger.Ledger) error { return l.RecordEditOutcome(remove, ledger.Sent) }, false},
		"removal planned": {func(l *ledger.Ledger) error { return l.RecordEditIntent(remove) }, true},
		"removal refused": {func(l *ledger.Ledger) error { return l.RecordEditOutcome(remove, ledger.Refused) }, true},
		"removal lost":    {func(l *ledger.Ledger) error { return l.RecordEditOutcome(remove, ledger.Abandoned) }, true},
	} {
		l := open(t, &ledgertest.Store{}, 0)
		must(t, l.RecordFacts([]org.Fact{{Kind: org.FactUnlistedUser, Email: eve.Key(), UserID: "u7"}}))
		must(t, tt.happens(l))
		if _, stays := l.Memory().Unlisted["u7"]; stays != tt.stays {
			t.Errorf("%s: still unlisted: %v, want %v", name, stays, tt.stays)
		}
	}
}

// TestJoinedBesideRemoval: if the list may not show the removal of a user yet, it shows that the person answered the
// mails from before the removal, but not the mail after it.
func TestJoinedBesideRemoval(t *testing.T) {
	t.Parallel()
	ada := org.MustParseAddress("ada@example.com")
	l := open(t, &ledgertest.Store{}, 0)
	must(t, mail(l, ada.Key(), ledger.Sent, org.Invitation{ID: "i1"}))
	must(t, l.RecordEditOutcome(org.Edit{Op: org.EditRemove, Who: ada, UserID: "u1"}, ledger.Sent))
	must(t, mail(l, ada.Key(), ledger.Sent, org.Invitation{ID: "i2"}))
	must(t, l.RecordFacts([]org.Fact{{Kind: org.FactJoined, Email: ada.Key(), UserID: "u1"}}))
	if r := l.Memory().People[ada.Key()]; len(r.Mails) != 1 || r.Mails[0].InvitationID != "i2" || !r.Removed {
		t.Errorf("the record is %+v", r)
	}
}

// TestCopiesOfLines: copies of a line count once, and the next run removes them. Different lines of a run all count,
// also those of earlier versions, which have no number.
func TestCopiesOfLines(t *testing.T) {
	t.Parallel()
	numbered, err := ledgerWithMails(t, "ada@example.com", "bob@example.com").Read(t.Context())
	must(t, err)
	old := regexp.MustCompile(`,"n":"\d+"`).ReplaceAll(numbered, nil)
	first := func(text []byte) []byte { return text[:bytes.IndexByte(text, '\n')+1] }
	spaced := bytes.ReplaceAll(first(numbered), []byte(`":"`), []byte(`" : "`))
	for name, tt := range map[string]struct{ text, kept, warning string }{
		"no copy":                  {string(numbered), string(numbered), ""},
		"no copy, old lines":       {string(old), string(old), ""},
		"one line":                 {string(numbered) + string(first(numbered)), string(numbered), "1 line of the ledger is"},
		"one line, other spaces":   {string(numbered) + string(spaced), string(numbered), "1 line of the ledger is"},
		"one old line":             {string(old) + string(first(old)), string(old), "1 line of the ledger is"},
		"all lines":                {string(numbered) + string(numbered), string(numbered), "4 lines of the ledger are"},
		"all old lines":            {string(old) + string(old), string(old), "4 lines of the ledger are"},
		"old lines, then numbered": {string(old) + string(numbered), string(old) + string(numbered), ""},
	} {
		s := &ledgertest.Store{}
		must(t, s.Replace([]byte(tt.text)))
		_, warnings, err := ledger.Read(t.Context(), s, "o1")
		must(t, err)
		l := open(t, s, 5)
		for _, texts := range [][]string{warnings, l.Warnings()} {
			if text := strings.Join(texts, "; "); !strings.HasPrefix(text, tt.warning) || (text == "") != (tt.warning == "") {
				t.Errorf("%s: warnings %q", name, texts)
			}
		}
		must(t, l.Close())
		if lines, err := s.Read(t.Context()); err != nil || string(lines) != tt.kept {
			t.Errorf("%s: the ledger is %s, %v", name, lines, err)
		}
	}
}

// TestDamagedEnd: an end of the ledger that is no interrupted write is damage, so that a copy is kept.
func TestDamagedEnd(t *testing.T) {
	t.Parallel()
	for name, damage := range map[string]func([]byte) []byte{
		"no line ends":       func(b []byte) []byte { return bytes.ReplaceAll(b, []byte("\n"), nil) },
		"only zeros":         func(b []byte) []byte { return make([]byte, len(b)) },
		"zeros at the end":   func(b []byte) []byte { return append(b, 0, 0, 0) },
		"half a line, zeros": func(b []byte) []byte { return append(b, "{\"v\":1,\"x\":\"\x00\x00"...) },
		"something else":     func(b []byte) []byte { return append(b, "PK\x03\x04"...) },
		"half a line, long":  func(b []byte) []byte { return append(b, `{"v":1,"x":"`+strings.Repeat("x", 1<<15)...) },
	} {
		s := ledgerWithMails(t, "ada@example.com", "bob@example.com")
		before, err := s.Read(t.Context())
		must(t, err)
		must(t, s.Replace(damage(slices.Clone(before))))
		l := open(t, s, 5)
		if w := l.Warnings(); len(w) != 1 || !strings.Contains(w[0], "cannot be read") || !strings.Contains(w[0], "kept as") {
			t.Errorf("%s: warnings %q", name, w)
		}
		must(t, l.Close())
	}
}

// TestServerMayActUntilWithEarlierClock: the clock of a run may be earlier than the clock of the run before. The time
// in which the server may act on a lost mail is not shorter because of this.
func TestServerMayActUntilWithEarlierClock(t *testing.T) {
	t.Parallel()
	for _, earlier := range []time.Duration{0, time.Second, 1000 * time.Hour} {
		s := &ledgertest.Store{}
		l := open(t, s, 0)
		must(t, mail(l, "ada@example.com", ledger.Abandoned, org.Invitation{}))
		must(t, l.RecordIntent("bob@example.com")) // the run ends here
		must(t, l.Close())
		begins := start.Add(-earlier)
		next, err := ledger.Open(t.Context(), s, ledger.Options{Organization: "o1", Now: func() time.Time { return begins }})
		must(t, err)
		_, err = next.LimitFuture()
		must(t, err)
		must(t, next.RecordFacts([]org.Fact{{Kind: org.FactUnlisted, Email: "cy@example.com"}}))
		for who, r := range next.Memory().People {
			for _, m := range r.Mails {
				want := begins.Add(org.ActWithin)
				latest := want.Add(min(earlier, time.Second)) // a difference of a second is not corrected
				if m.ServerMayActUntil.Before(want) || m.ServerMayActUntil.After(latest) {
					t.Errorf("%v earlier: the mail to %s may be acted on until %v, want %v", earlier, who, m.ServerMayActUntil, want)
				}
			}
		}
		must(t, next.Close())
	}
}

// TestFoundLedgerOfWrongClock: somebody appends a ledger that was lost, and in which a run found times in the future,
// to the ledger that replaced it. Only the times of the run with the wrong clock are limited, also after a copy of this
// run that comes first. A line that names no run, as earlier versions wrote it, limits nothing.
func TestFoundLedgerOfWrongClock(t *testing.T) {
	t.Parallel()
	found, s := &ledgertest.Store{}, &ledgertest.Store{}
	l := open(t, found, 5000)
	must(t, mail(l, "ada@example.com", ledger.Sent, org.Invitation{ID: "i1", Expires: at(72)}))
	must(t, l.RecordFacts([]org.Fact{{Kind: org.FactUnlistedUser, Email: "fay@example.com", UserID: "u8"}}))
	must(t, l.Close())
	before, err := found.Read(t.Context())
	must(t, err)
	for i, want := range []string{"times in the future", ""} { // the second run writes nothing
		l = open(t, found, 1)
		warning, err := l.LimitFuture()
		if err != nil || !strings.Contains(warning, want) || (warning == "") != (i == 1) {
			t.Errorf("warning %q, %v", warning, err)
		}
		must(t, l.Close())
	}
	after, err := found.Read(t.Context())
	must(t, err)
	line := after[len(before):]
	l = open(t, s, 100)
	must(t, mail(l, "bob@example.com", ledger.Sent, org.Invitation{ID: "i2", Expires: at(172)}))
	must(t, mail(l, "cat@example.com", ledger.Abandoned, org.Invitation{}))
	must(t, edit(l, org.EditRemove, ledger.Sent)) // ada
	must(t, l.RecordFacts([]org.Fact{{Kind: org.FactUnlistedUser, Email: "eve@example.com", UserID: "u7"}}))
	must(t, l.Close())
	newer, err := s.Read(t.Context())
	must(t, err)
	earlier := regexp.MustCompile(`"object_id":"[^"]*",`).ReplaceAll(line, nil)
	for name, c := range map[string]struct {
		content  []byte
		adaHours float64
	}{
		"alone":                         {after, 1},
		"appended":                      {slices.Concat(newer, after), 1},
		"appended to a copy":            {slices.Concat(before, newer, line), 1},
		"appended line only":            {slices.Concat(newer, line), 0},
		"appended line that names none": {slices.Concat(newer, earlier), 0},
		"names none":                    {slices.Concat(before, earlier), 5000},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if bytes.Count(c.content, []byte("wrong_clock")) != 1 {
				t.Fatalf("not one line about a clock:\n%s", c.content)
			}
			s := &ledgertest.Store{}
			lease, err := s.Acquire(t.Context(), state.Holder{}, 0)
			must(t, err)
			must(t, lease.Replace(c.content))
			must(t, lease.Release())
			memory, _, err := ledger.Read(t.Context(), s, "o1")
			must(t, err)
			if c.adaHours > 0 {
				ada := memory.People["ada@example.com"].Mails
				if len(ada) != 1 || !ada[0].At.Equal(at(c.adaHours)) || !memory.Unlisted["u8"].At.Equal(at(c.adaHours)) {
					t.Errorf("ada %+v, unlisted %+v", ada, memory.Unlisted)
				}
			}
			if !bytes.Contains(c.content, []byte("bob")) {
				return
			}
			bob, cat := memory.People["bob@example.com"].Mails, memory.People["cat@example.com"].Mails
			if len(bob) != 1 || !bob[0].At.Equal(at(100)) || !bob[0].Expires.Equal(at(172)) ||
				len(cat) != 1 || !cat[0].ServerMayActUntil.Equal(at(100).Add(org.ActWithin)) ||
				!memory.People["ada@example.com"].RemovedAt.Equal(at(100)) || !memory.Unlisted["u7"].At.Equal(at(100)) {
				t.Errorf("bob %+v, cat %+v, %+v", bob, cat, memory)
			}
		})
	}
}

// TestUnsuspendAfterWrongClock: a run with a clock that was ahead lost the answer to a suspension. Once a run has
// limited the times, the end of the suspension counts.
func TestUnsuspendAfterWrongClock(t *testing.T) {
	t.Parallel()
	s := &ledgertest.Store{}
	l := open(t, s, 5000)
	must(t, edit(l, org.EditSuspend, ledger.Lost))
	must(t, l.Close())
	l = open(t, s, 1)
	_, err := l.LimitFuture()
	must(t, err)
	must(t, l.Close())
	l = open(t, s, 2)
	must(t, edit(l, org.EditUnsuspend, ledger.Sent))
	must(t, l.Close())
	memory, _, err := ledger.Read(t.Context(), s, "o1")
	must(t, err)
	if ada := memory.People["ada@example.com"]; ada.Suspended {
		t.Errorf("still suspended: %+v", ada)
	}
}
