package ledger

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/orgsync/orgsync/internal/org"
)

// drawEntries draws the lines of some runs. Each change has its two lines, but a run may end between them. Nobody gets
// a mail while it is not known whether the mail before was sent.
func drawEntries(t *rapid.T) []Entry {
	var entries []Entry
	now := time.Date(2026, 6, 10, 12, 0, 0, 0, time.UTC)
	people := rapid.SampledFrom([]string{"ada@example.com", "bob@example.com"})
	outcomes := rapid.SampledFrom([]Outcome{Sent, Refused, NotSent, Abandoned})
	lost, lostAt := map[string]bool{}, map[string]time.Time{}
	for run := range rapid.IntRange(1, 6).Draw(t, "runs") {
		name := fmt.Sprint("run", run)
		add := func(e Entry) {
			now = now.Add(time.Duration(rapid.IntRange(0, 600).Draw(t, "seconds")) * time.Second)
			e.Run, e.Time, e.Organization = name, now, "o1"
			entries = append(entries, e)
		}
		now = now.Add(time.Duration(rapid.IntRange(0, 60).Draw(t, "hours")) * time.Hour)
		add(Entry{Action: Run})
		for range rapid.IntRange(0, 6).Draw(t, "changes") {
			who := people.Draw(t, "who")
			killed := rapid.IntRange(0, 9).Draw(t, "killed") == 0
			change := Entry{Email: who}
			switch kind := rapid.IntRange(0, 9).Draw(t, "kind"); {
			case lost[who] && now.Sub(lostAt[who]) >= org.InvitationLife && rapid.Bool().Draw(t, "counts as sent"):
				lost[who] = false // the ledger still has the mail as lost, but the next mail may be sent
				continue
			case lost[who]:
				fact := rapid.SampledFrom([]org.FactKind{org.FactJoined, org.FactFound, org.FactAbsent})
				add(Entry{Email: who, Action: Action(fact.Draw(t, "settled")), InvitationID: "i-found"})
				lost[who] = false
				continue
			case kind < 4:
				change.Action = rapid.SampledFrom([]Action{Invite, Resend}).Draw(t, "mail")
			case kind < 7:
				op := rapid.SampledFrom([]org.EditOp{org.EditGrant, org.EditSuspend, org.EditUnsuspend, org.EditRemove})
				change.Action, change.Object = Action(op.Draw(t, "edit")), "u-"+who
			default:
				fact := rapid.SampledFrom([]org.FactKind{org.FactJoined, org.FactActive, org.FactReset})
				add(Entry{Email: who, Action: Action(fact.Draw(t, "fact"))})
				continue
			}
			add(change)
			isMail := change.Action == Invite || change.Action == Resend
			if killed {
				lost[who], lostAt[who] = isMail, now
				break
			}
			change.Outcome = outcomes.Draw(t, "outcome")
			lost[who], lostAt[who] = isMail && change.Outcome == Abandoned, now
			switch {
			case isMail && change.Outcome == Sent:
				change.InvitationID, change.Expires = fmt.Sprint("i", len(entries)), now.Add(org.InvitationLife)
				change.Object = rapid.SampledFrom([]string{"", "", "another organization"}).Draw(t, "organization")
			case isMail && change.Outcome == Refused && rapid.Bool().Draw(t, "text"):
				change.Message = "no such mailbox"
			}
			add(change)
		}
	}
	return entries
}

// replay returns the memory after the entries, and the lines that a compaction keeps.
func replay(entries []Entry) (org.Memory, []Entry) {
	r := newReplayer(false)
	for _, e := range entries {
		r.add(e)
	}
	var kept []Entry
	for _, number := range r.needed() {
		kept = append(kept, entries[number-1])
	}
	return r.memory(), kept
}

// compact returns the lines that a compaction keeps, and the difference between the memory of all lines and the memory
// of these lines.
func compact(entries []Entry) (diff string, kept []Entry) {
	before, kept := replay(entries)
	after, _ := replay(kept)
	for _, memory := range []org.Memory{before, after} {
		for who, p := range memory.People {
			p.FailedAt, p.Refusals = time.Time{}, min(p.Refusals, org.KeptRefusals)
			if memory.People[who] = p; cmp.Equal(p, org.PersonRecord{}, cmpopts.EquateEmpty()) {
				delete(memory.People, who)
			}
		}
	}
	return cmp.Diff(before, after, cmpopts.EquateEmpty(), cmpopts.IgnoreFields(org.Mail{}, "Sequence", "LostSequence",
		"ServerMayActUntil"), cmpopts.IgnoreFields(org.Sighting{}, "Sequence"), cmpopts.IgnoreFields(org.PersonRecord{},
		"RoundsResetSequence", "ReinvitedSequence", "OnlyMailSequence", "RemovedSequence", "JoinedSequence",
		"UnlistedSequence", "UserSequence")), kept
}

// TestCompactionKeepsMemory: the lines that a compaction keeps have the same memory as all lines. Exceptions: the
// numbers of lines, the end of the last killed run, which may seem later, and FailedAt, which only decides about the
// order of sending. A compaction also keeps mails that no longer count as rounds: if their invitation vanished, they
// protect unlisted users.
func TestCompactionKeepsMemory(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		entries := drawEntries(t)
		if diff, kept := compact(entries); diff != "" {
			for i, e := range entries {
				t.Logf("%d %s %s %s %s %s kept=%v", i+1, e.Time.Format("15:04:05"), e.Run, e.Email, e.Action, e.Outcome,
					slices.Contains(kept, e))
			}
			t.Fatalf("the memory (-all lines +kept lines):\n%s", diff)
		}
	})
}

// TestCompactionKeepsLostMail: a mail that was lost counts as sent, because its invitation has expired. A later lost
// mail was not sent. The line that says so must not be about the first mail after a compaction.
func TestCompactionKeepsLostMail(t *testing.T) {
	t.Parallel()
	begin := time.Date(2026, 6, 10, 12, 0, 0, 0, time.UTC)
	var entries []Entry
	for i, mail := range [][]Entry{
		{{Action: Invite}, {Action: Invite, Outcome: Abandoned}},
		{{Action: Invite}, {Action: Invite, Outcome: Abandoned}, {Action: Action(org.FactAbsent)}},
		{{Action: Invite}, {Action: Invite, Outcome: Sent, InvitationID: "i1"}},
		{{Action: Invite}, {Action: Invite, Outcome: Sent, InvitationID: "i2"}},
	} {
		for _, e := range mail {
			e.Email, e.Run, e.Time = "ada@example.com", fmt.Sprint("run", i), begin.Add(time.Duration(i)*73*time.Hour)
			entries = append(entries, e)
		}
	}
	_, kept := replay(entries)
	after, _ := replay(kept)
	if ada := after.People["ada@example.com"]; len(ada.Mails) != 3 || !ada.Mails[0].At.Equal(begin) || ada.Refusals != 0 {
		t.Errorf("after the compaction: %+v", ada)
	}
}

// TestCompactionKeepsTwoRemovals: a user was removed, came back and was removed again within 15 minutes. These stay two
// removals after a compaction, although later lines replace the line that says that the user came back.
func TestCompactionKeepsTwoRemovals(t *testing.T) {
	t.Parallel()
	remove := []Entry{{Action: Action(org.EditRemove)}, {Action: Action(org.EditRemove), Outcome: Sent}}
	mail := []Entry{{Action: Invite}, {Action: Invite, Outcome: Sent, InvitationID: "i1"}}
	joined := []Entry{{Action: Action(org.FactJoined)}}
	for name, back := range map[string][]Entry{"mailed": mail, "joined": joined} {
		lines := slices.Concat(remove, back, remove, mail, joined, mail)
		for i := range lines {
			lines[i].Email, lines[i].Run = "ada@example.com", fmt.Sprint("run", i/2)
			lines[i].Time = time.Date(2026, 6, 10, 12, 0, i, 0, time.UTC)
			if lines[i].Action == Action(org.EditRemove) {
				lines[i].Object = "u-ada"
			}
		}
		if diff, kept := compact(lines); diff != "" {
			t.Errorf("%s: the memory (-all lines +kept lines):\n%s\nkept: %v", name, diff, kept)
		}
	}
}
