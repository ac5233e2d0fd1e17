package ledger

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/orgsync/orgsync/internal/org"
)

// TestReplay has the memory of short histories. A compaction of these histories keeps their memory.
func TestReplay(t *testing.T) {
	t.Parallel()
	const ada, bob = "ada@example.com", "bob@example.com"
	now := time.Date(2026, 6, 10, 12, 0, 0, 0, time.UTC)
	at := func(hours float64) time.Time { return now.Add(time.Duration(hours * float64(time.Hour))) }
	edit := func(hours float64, who string, op org.EditOp, user string, outcome Outcome) Entry {
		return Entry{Time: at(hours), Email: who, Action: Action(op), Object: user, Outcome: outcome}
	}
	fact := func(hours float64, kind org.FactKind, user string) Entry {
		return Entry{Time: at(hours), Email: ada, Action: Action(kind), Object: user}
	}
	mail := func(hours float64, run string, outcome Outcome, last Entry) []Entry {
		last.Outcome, last.Run, last.Time, last.Email, last.Action = outcome, run, at(hours), ada, Invite
		return []Entry{{Run: run, Time: at(hours), Email: ada, Action: Invite}, last}
	}
	ran := func(run string, entries ...Entry) []Entry {
		for i := range entries {
			entries[i].Run = run
		}
		return entries
	}
	clock := Entry{Run: "next", Time: now, Action: Run, Kind: wrongClock, Object: "wrong"}
	const suspend, unsuspend, remove = org.EditSuspend, org.EditUnsuspend, org.EditRemove
	sent := func(run string, hours float64) []Entry {
		return mail(hours, run, Sent, Entry{InvitationID: "i-" + run})
	}
	for name, tt := range map[string]struct {
		entries []Entry
		want    func(m org.Memory, ada org.PersonRecord) bool
	}{
		"suspended without an id, and unsuspended": {
			[]Entry{edit(0, ada, suspend, "", Sent), edit(1, ada, unsuspend, "u1", Sent)},
			func(_ org.Memory, ada org.PersonRecord) bool { return !ada.Suspended },
		},
		"suspended, and unsuspended without an id": {
			[]Entry{edit(0, ada, suspend, "u1", Sent), edit(1, ada, unsuspend, "", Sent)},
			func(_ org.Memory, ada org.PersonRecord) bool { return !ada.Suspended },
		},
		"a removal": {
			[]Entry{edit(0, ada, remove, "u1", ""), edit(0, ada, remove, "u1", Sent)},
			func(_ org.Memory, ada org.PersonRecord) bool {
				return len(ada.Removals) == 1 && ada.Removals[0].At.Equal(now)
			},
		},
		"a removal that was repeated because the list did not show it": {
			[]Entry{edit(0, ada, remove, "u1", Sent), edit(0.2, ada, remove, "U1", Sent), edit(0.4, ada, remove, "u1", Sent)},
			func(_ org.Memory, ada org.PersonRecord) bool {
				return len(ada.Removals) == 1 && ada.Removals[0].At.Equal(at(0.4))
			},
		},
		"the removals of two users": {
			[]Entry{edit(0, ada, remove, "u1", Sent), edit(0.1, ada, remove, "u2", Sent)},
			func(_ org.Memory, ada org.PersonRecord) bool { return len(ada.Removals) == 2 },
		},
		"a removal, and another after 15 minutes": {
			[]Entry{edit(0, ada, remove, "u1", Sent), edit(0.25, ada, remove, "u1", Sent)},
			func(_ org.Memory, ada org.PersonRecord) bool { return len(ada.Removals) == 2 },
		},
		"a removal, and another right after a mail": {
			slices.Concat([]Entry{edit(0, ada, remove, "u1", Sent)}, sent("a", 0.1),
				[]Entry{edit(0.2, ada, remove, "u1", Sent)}),
			func(_ org.Memory, ada org.PersonRecord) bool { return len(ada.Removals) == 2 },
		},
		"a removal, and another right after the person joined": {
			[]Entry{edit(0, ada, remove, "u1", Sent), fact(0.1, org.FactJoined, "u1"), edit(0.2, ada, remove, "u1", Sent)},
			func(_ org.Memory, ada org.PersonRecord) bool { return len(ada.Removals) == 2 },
		},
		"a removal that was refused": {
			[]Entry{edit(0, ada, remove, "u1", ""), edit(0, ada, remove, "u1", Refused)},
			func(_ org.Memory, ada org.PersonRecord) bool { return len(ada.Removals) == 0 && !ada.Removed },
		},
		"removed twice, first under another address": {
			[]Entry{edit(0, bob, remove, "u1", Sent), edit(1, ada, remove, "u1", Sent)},
			func(m org.Memory, ada org.PersonRecord) bool {
				return ada.RemovedAt.Equal(at(1)) && m.People[bob].RemovedAt.Equal(now)
			},
		},
		"the user was removed under another address, and the address before": {
			[]Entry{edit(0, ada, remove, "u2", Sent), fact(1, org.FactJoined, "u1"), edit(2, bob, remove, "u1", Sent)},
			func(_ org.Memory, ada org.PersonRecord) bool { return ada.RemovedUserID == "u1" },
		},
		"the user was removed under another address, and the address later": {
			[]Entry{fact(0, org.FactJoined, "u1"), edit(1, bob, remove, "u1", Sent), edit(2, ada, remove, "u2", Sent)},
			func(_ org.Memory, ada org.PersonRecord) bool { return ada.RemovedUserID == "u2" },
		},
		"the user was removed under two other addresses": {
			[]Entry{
				fact(0, org.FactJoined, "u1"), edit(1, bob, remove, "u1", Sent), edit(2, "cyd@example.com", remove, "U1", Sent),
				edit(1.5, "dan@example.com", remove, "u2", Sent),
			},
			func(_ org.Memory, ada org.PersonRecord) bool { return ada.RemovedAt.Equal(at(2)) },
		},
		"the user was removed under another address, and is back": {
			[]Entry{fact(0, org.FactJoined, "u1"), edit(1, bob, remove, "u1", Sent), fact(3, org.FactJoined, "u1")},
			func(_ org.Memory, ada org.PersonRecord) bool { return ada.Joined && !ada.Removed },
		},
		"somebody without an id was removed": {
			[]Entry{fact(0, org.FactJoined, ""), edit(1, bob, remove, "", Sent)},
			func(m org.Memory, ada org.PersonRecord) bool { return !ada.Removed && m.People[bob].Removed },
		},
		"joined as an unknown user later": {
			[]Entry{fact(0, org.FactJoined, "u1"), fact(1, org.FactJoined, "")},
			func(_ org.Memory, ada org.PersonRecord) bool { return ada.UserID == "u1" },
		},
		"listed right after a removal, and mailed": {
			slices.Concat([]Entry{edit(0, ada, remove, "u1", Sent)}, sent("a", 0.01), []Entry{fact(0.02, org.FactJoined, "u1")}),
			func(_ org.Memory, ada org.PersonRecord) bool { return ada.Removed && len(ada.Mails) == 1 },
		},
		"listed right after a removal, and mailed, and removed twice later": {
			slices.Concat([]Entry{edit(0, ada, remove, "u1", Sent)}, sent("a", 0.01), []Entry{
				fact(0.02, org.FactJoined, "u1"), edit(1, ada, remove, "u1", Sent), edit(2, ada, remove, "u1", Sent),
			}),
			func(_ org.Memory, ada org.PersonRecord) bool { return len(ada.Mails) == 1 && len(ada.Removals) == 2 },
		},
		"an invitation to another organization, and later mails": {
			slices.Concat(mail(0, "a", Sent, Entry{Object: "o9"}), sent("b", 1), sent("c", 2), sent("d", 3)),
			func(m org.Memory, ada org.PersonRecord) bool {
				return m.Misdirected == org.Misdirected{Email: "ada@example.com", OrganizationID: "o9"} && len(ada.Mails) == 3
			},
		},
		"an unclear answer for another organization": {
			mail(0, "a", Abandoned, Entry{Object: "o9"}),
			func(m org.Memory, ada org.PersonRecord) bool {
				return m.Misdirected.OrganizationID == "o9" && len(ada.Mails) == 1 && ada.Mails[0].Lost
			},
		},
		"an unclear answer for another organization, and --reinvite": {
			slices.Concat(mail(0, "a", Abandoned, Entry{Object: "o9"}), ran("b", fact(1, org.FactReset, ""))),
			func(m org.Memory, ada org.PersonRecord) bool {
				return m.Misdirected.Email == "" && len(ada.Mails) == 1 && ada.Mails[0].Lost
			},
		},
		"one mail": {sent("a", 0), func(_ org.Memory, ada org.PersonRecord) bool { return ada.OnlyMailSequence == 1 }},
		"two mails": {
			slices.Concat(sent("a", 0), sent("b", 1)),
			func(_ org.Memory, ada org.PersonRecord) bool { return ada.OnlyMailSequence == 0 && ada.EverMailed },
		},
		"two mails, and joined": {
			slices.Concat(sent("a", 0), sent("b", 1), []Entry{fact(2, org.FactJoined, "")}),
			func(_ org.Memory, ada org.PersonRecord) bool { return ada.OnlyMailSequence == 0 && len(ada.Mails) == 0 },
		},
		"sent, and refused in the same run": {
			slices.Concat(sent("", 0), mail(0, "", Refused, Entry{Message: "no such mailbox"})),
			func(_ org.Memory, ada org.PersonRecord) bool {
				return ada.Refusals == 1 && len(ada.Mails) == 1 && !ada.Mails[0].RefusalCounted
			},
		},
		"no longer in the roster, and --reinvite": {
			[]Entry{fact(0, org.FactReset, ""), fact(1, org.FactUnlisted, "")},
			func(_ org.Memory, ada org.PersonRecord) bool {
				return ada.Unlisted && ada.RoundsResetAt.Equal(at(1)) && ada.ReinvitedSequence == 1
			},
		},
		"--reinvite, and no longer in the roster before": {
			[]Entry{fact(0, org.FactUnlisted, ""), fact(1, org.FactReset, "")},
			func(_ org.Memory, ada org.PersonRecord) bool { return ada.Unlisted && ada.RoundsResetAt.Equal(at(1)) },
		},
		"back in the roster, which a mail shows": {
			slices.Concat([]Entry{fact(0, org.FactUnlisted, "")}, sent("a", 1)),
			func(_ org.Memory, ada org.PersonRecord) bool { return !ada.Unlisted && ada.RoundsResetAt.Equal(now) },
		},
		"a wrong clock": {
			slices.Concat(ran("wrong", fact(5000, org.FactReset, ""), edit(5000, ada, suspend, "u1", Sent),
				edit(5000, ada, remove, "u2", Sent)),
				mail(5000, "wrong", Refused, Entry{Message: "no such mailbox"}), []Entry{clock}),
			func(_ org.Memory, ada org.PersonRecord) bool {
				return ada.RoundsResetAt.Equal(now) && ada.SuspendedAt.Equal(now) && ada.RemovedAt.Equal(now) &&
					ada.RefusedAt.Equal(now) && ada.Removals[0].At.Equal(now)
			},
		},
		"a wrong clock at a joined": {
			slices.Concat(ran("wrong", fact(5000, org.FactJoined, "u1")), []Entry{clock}),
			func(_ org.Memory, ada org.PersonRecord) bool { return ada.JoinedAt.Equal(now) },
		},
		"a wrong clock long after a lost suspension": {
			slices.Concat(ran("wrong", edit(-9, ada, suspend, "u1", ""), edit(-9, ada, suspend, "u1", Abandoned),
				fact(5000, org.FactReset, "")), []Entry{clock, edit(0.01, ada, unsuspend, "u1", Sent)}),
			func(_ org.Memory, ada org.PersonRecord) bool { return !ada.Suspended },
		},
		"a wrong clock of another run than the lost suspension": {
			slices.Concat(ran("wrong", fact(5000, org.FactReset, "")), ran("right", edit(100, ada, suspend, "u1", ""),
				edit(100, ada, suspend, "u1", Abandoned)), []Entry{clock, edit(1, ada, unsuspend, "u1", Sent)}),
			func(_ org.Memory, ada org.PersonRecord) bool { return ada.Suspended },
		},
	} {
		memory, lines := replay(tt.entries)
		if !tt.want(memory, memory.People[ada]) {
			t.Errorf("%s: the memory is %+v", name, memory)
		}
		if memory, _ := replay(lines); !tt.want(memory, memory.People[ada]) {
			t.Errorf("%s: after a compaction, the memory is %+v", name, memory)
		}
		if diff, kept := compact(tt.entries); diff != "" {
			t.Errorf("%s: the memory (-all lines +the %d kept lines):\n%s", name, len(kept), diff)
		}
	}
}

// TestRunsAfter: the names of the runs with times in the future are sorted.
func TestRunsAfter(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 6, 10, 12, 0, 0, 0, time.UTC)
	r := newReplayer(false)
	for _, name := range []string{"f", "b", "e", "a", "d", "c"} {
		r.add(Entry{Run: name, Time: now.Add(time.Hour), Action: Run})
	}
	r.add(Entry{Run: "now", Time: now, Action: Run})
	if names, latest := r.runsAfter(now); strings.Join(names, "") != "abcdef" || !latest.Equal(now.Add(time.Hour)) {
		t.Errorf("the runs %q, the latest at %v", names, latest)
	}
}

// TestWrongClock: if the clock of a run went wrong in the middle of the run, only its later times are limited. The
// times that a wrong clock gave to the mails of the run before are limited too.
func TestWrongClock(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 6, 10, 12, 0, 0, 0, time.UTC)
	at := func(hours float64) time.Time { return now.Add(time.Duration(hours * float64(time.Hour))) }
	r := newReplayer(true)
	for _, e := range []Entry{
		{Run: "earlier", Time: at(-9), Action: Invite, Email: "ada@example.com"}, // killed
		{Run: "right", Time: at(-8), Action: Run},
		{Run: "right", Time: at(-8), Action: Invite, Email: "bob@example.com"}, // killed
		{Run: "wrong", Time: at(-7), Action: Action(org.FactJoined), Email: "cy@example.com"},
		{Run: "wrong", Time: at(-7), Action: Invite, Email: "dee@example.com"},
		{Run: "wrong", Time: at(5000), Action: Invite, Email: "dee@example.com", Outcome: Abandoned},
		{Run: "wrong", Time: at(10), Action: Invite, Email: "eve@example.com"},
		{Run: "wrong", Time: at(10), Action: Invite, Email: "eve@example.com", Outcome: Sent, InvitationID: "i1",
			Expires: at(60)},
		{Run: "wrong", Time: at(5000), Action: Invite, Email: "fay@example.com"},
		{Run: "wrong", Time: at(5000), Action: Invite, Email: "fay@example.com", Outcome: Sent, InvitationID: "i2",
			Expires: at(5072)},
		{Run: "wrong", Time: at(5000), Action: Invite, Email: "gil@example.com"}, // killed
		{Run: "later", Time: at(-6), Action: Invite, Email: "hal@example.com"},   // killed
		{Run: "wrong-too", Time: at(5000), Action: Run},
		{Run: "next", Time: now, Action: Run, Kind: wrongClock, Object: "right wrong wrong-too"},
	} {
		r.add(e)
	}
	memory := r.memory()
	mailTo := func(who string) org.Mail { return memory.People[who+"@example.com"].Mails[0] }
	got := map[string]time.Time{
		"ada may be sent until": mailTo("ada").ServerMayActUntil,
		"bob may be sent until": mailTo("bob").ServerMayActUntil,
		"cy joined":             memory.People["cy@example.com"].JoinedAt,
		"dee may be sent until": mailTo("dee").ServerMayActUntil,
		"eve was sent":          mailTo("eve").At,
		"eve expires":           mailTo("eve").Expires,
		"fay was sent":          mailTo("fay").At,
		"fay expires":           mailTo("fay").ExpiresAt(),
		"gil may be sent until": mailTo("gil").ServerMayActUntil,
		"hal may be sent until": mailTo("hal").ServerMayActUntil,
	}
	want := map[string]time.Time{
		"ada may be sent until": at(-8).Add(org.ActWithin),
		"bob may be sent until": at(-7).Add(org.ActWithin),
		"cy joined":             at(-7),
		"dee may be sent until": now.Add(org.SendWithin + org.ActWithin),
		"eve was sent":          now,
		"eve expires":           at(60),
		"fay was sent":          now,
		"fay expires":           now.Add(org.InvitationLife),
		"gil may be sent until": now.Add(org.SendWithin + org.ActWithin),
		"hal may be sent until": now.Add(org.ActWithin),
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
