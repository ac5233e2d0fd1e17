package ledger

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/orgsync/orgsync/internal/org"
)

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
