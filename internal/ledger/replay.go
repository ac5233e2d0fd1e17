package ledger

import (
	"math"
	"slices"
	"time"

	"github.com/orgsync/orgsync/internal/org"
)

// replayer turns lines, one after another, into what is remembered. The number of a line, from 1,
// is the order that witnesses are judged by.
type replayer struct {
	// survives is true if a run may still be alive when the next one begins: it was paused, and another
	// machine took its lease over.
	survives bool

	lines  int
	run    string // of the last line
	people map[string]*person
	opened []*person // those with an intent of the last run
	latest time.Time // of all lines so far
	// unlisted and access are the lines of the sightings and of the names, as in org.Memory.
	unlisted map[string]mark
	access   map[org.AccessName]namedAccess
}

// namedAccess is an id that a roster's name had, and the line that says so.
type namedAccess struct {
	id   string
	line int
}

// person is a [org.PersonRecord] while it is built.
type person struct {
	mails     []*mail
	open      *mail // the intent of the last run without an outcome
	countFrom int
	since     time.Time
	// The lines that recorded it.
	joined, suspended, removed mark
	before                     mark // what suspended or removed was before the last intent
	// The lines that recorded it; 0 if none did.
	unlisted       int
	assumedNotSent int
	reset          int // the one that moved countFrom
	// reinvited is the line of the last --reinvite.
	reinvited int
	userID    string
	// everMailed is the last mail that went out or may have, and mailedBefore the one before the last intent.
	everMailed, mailedBefore mailLines
	removals                 []removal
	refused                  refusals
}

// mailLines are the lines of one mail; zero: there is none.
type mailLines struct{ intent, outcome int }

// removal is an org.Removal and the line that says so.
type removal struct {
	org.Removal
	line int
}

// refusals counts the runs in a row in which the server refused to mail a person.
type refusals struct {
	count int
	run   string
	at    time.Time
	text  string
	lines []int // of the last three
}

// keptRefusals is how many refusals of a person survive compaction, and keptRemovals how many removals.
const (
	keptRefusals = 3
	keptRemovals = 2
)

// mark is the line that recorded something, and its time; zero if no line did.
type mark struct {
	line int
	at   time.Time
}

// mail is a [org.Mail] with the line of its outcome.
type mail struct {
	org.Mail
	outcome int
}

func newReplayer(survives bool) *replayer {
	return &replayer{
		survives: survives, people: map[string]*person{}, unlisted: map[string]mark{},
		access: map[org.AccessName]namedAccess{},
	}
}

// add replays the next line.
func (r *replayer) add(e Entry) {
	r.lines++
	if e.Run != r.run {
		// The run before is over. What it left without an outcome was lost before anything of this run was sent.
		for _, p := range r.opened {
			if m := p.open; m != nil {
				m.LostSequence, m.ServerMayActUntil = r.lines, r.lastSend(m, e.Time).Add(org.ActWithin)
				p.open = nil
			}
		}
		r.opened, r.run = r.opened[:0], e.Run
		if e.Time.Before(r.latest) {
			r.limitTimes(e.Time)
		}
	}
	r.latest = org.Later(r.latest, e.Time)
	switch e.Action {
	case Action(org.FactUnlistedUser):
		if _, seen := r.unlisted[e.Object]; !seen {
			r.unlisted[e.Object] = mark{r.lines, e.Time}
		}
		return
	case Action(org.FactUserGone):
		delete(r.unlisted, e.Object)
		return
	case Action(org.FactAccess):
		r.access[org.AccessName{Kind: e.Kind, Name: e.Name}] = namedAccess{e.Object, r.lines}
		return
	case Action(org.FactJoined), Action(org.EditRemove):
		if e.Action != Action(org.EditRemove) || e.Outcome == Sent {
			delete(r.unlisted, e.Object)
		}
	default: // says nothing about users or access
	}
	if e.Email == "" {
		return
	}
	p := r.people[e.Email]
	if p == nil {
		p = &person{}
		r.people[e.Email] = p
	}
	switch e.Action {
	case Invite, Resend:
		r.addMail(p, e)
	case Action(org.FactJoined):
		p.joined, p.userID = mark{r.lines, e.Time}, e.Object
		p.mails, p.countFrom, p.since, p.reset, p.assumedNotSent = nil, r.lines, e.Time, 0, 0
		if e.Time.Sub(p.removed.at).Abs() >= org.SettleAfter { // until then the list may not show the removal yet
			p.removed = mark{}
		}
	case Action(org.FactActive):
		p.suspended = mark{}
	case Action(org.FactUnlisted):
		p.unlisted, p.countFrom, p.since, p.reset = r.lines, r.lines, e.Time, r.lines
	case Action(org.FactReset):
		p.countFrom, p.since, p.reset, p.reinvited = r.lines, e.Time, r.lines, r.lines
	case Action(org.FactFound):
		if m := p.lastLost(); m != nil {
			m.Lost, m.Found, m.LostSequence, m.ServerMayActUntil = false, true, 0, time.Time{}
			m.InvitationID, m.Expires, m.outcome = e.InvitationID, e.Expires, r.lines
			if p.everMailed.intent == m.Sequence {
				p.everMailed.outcome = r.lines
			}
		}
	case Action(org.FactAbsent):
		p.assumedNotSent = r.lines
		if m := p.lastLost(); m != nil {
			if p.everMailed.intent == m.Sequence {
				p.everMailed = p.mailedBefore
			}
			p.drop(m)
		}
	case Action(org.EditSuspend), Action(org.EditUnsuspend), Action(org.EditRemove):
		p.recordRemoval(e, r.lines)
	default: // other edits leave nothing to remember
	}
}

// lastSend returns when m, which the run before announced and did not conclude, may last have been sent.
// begun is when the next run began.
func (r *replayer) lastSend(m *mail, begun time.Time) time.Time {
	if r.survives {
		return org.Later(begun, m.At.Add(org.SendWithin))
	}
	return begun
}

// recordRemoval replays a suspension, the end of one, or a removal. An intent counts until its
// outcome says that nothing was done, because a run that died may have done it. A later refusal
// does not undo what an earlier request did, or may have done.
func (p *person) recordRemoval(e Entry, line int) {
	if e.Outcome == Sent && e.Action != Action(org.EditSuspend) {
		p.suspended = mark{} // a removed person is not suspended either
	}
	if e.Action == Action(org.EditUnsuspend) {
		return
	}
	gone := &p.suspended
	if e.Action == Action(org.EditRemove) {
		gone = &p.removed
		if e.Outcome == Sent {
			p.removals = append(p.removals, removal{org.Removal{At: e.Time, Roster: e.Roster}, line})
			p.removals = p.removals[max(0, len(p.removals)-keptRemovals):]
		}
	}
	switch e.Outcome {
	case "":
		p.before, *gone = *gone, mark{line, e.Time}
	case Refused, NotSent:
		*gone = p.before
	default:
		*gone = mark{line, e.Time}
	}
}

// addMail replays an intent or its outcome.
func (r *replayer) addMail(p *person, e Entry) {
	if e.Outcome == "" {
		m := &mail{Mail: org.Mail{
			Email: e.Email, Resend: e.Action == Resend, InvitationID: e.InvitationID,
			RenewedFrom: e.Expires, Sequence: r.lines, Lost: true, LostSequence: math.MaxInt, At: e.Time,
		}}
		p.mails = append(p.mails, m)
		p.unlisted = 0
		p.open = m
		p.mailedBefore, p.everMailed = p.everMailed, mailLines{intent: r.lines}
		r.opened = append(r.opened, p)
		return
	}
	m := p.open
	if m == nil {
		// Its intent cannot be read any more. When the mail was sent is not known then, so that it is no witness.
		m = &mail{Mail: org.Mail{Email: e.Email, Resend: e.Action == Resend, Sequence: r.lines, Lost: true,
			Found: e.Outcome == Sent, At: e.Time}}
		p.mails = append(p.mails, m)
		p.unlisted = 0
	}
	p.open = nil
	m.outcome = r.lines
	switch e.Outcome {
	case Refused, NotSent:
		if p.everMailed == (mailLines{intent: m.Sequence}) {
			p.everMailed = p.mailedBefore
		}
		if e.Message != "" {
			p.refused.add(e, r.lines)
		}
	default:
		p.everMailed, p.refused = mailLines{m.Sequence, r.lines}, refusals{}
	}
	switch e.Outcome {
	case Sent:
		m.Lost, m.LostSequence, m.InvitationID, m.Expires = false, 0, e.InvitationID, e.Expires
		m.Resend = e.Action == Resend // whatever was asked for
		if !e.Expires.After(m.At) {   // it went out at some time between the two lines
			m.Expires, m.Estimated = e.Time.Add(org.InvitationLife), true
		}
	case Refused, NotSent:
		p.drop(m)
	default:
		// Lost, abandoned, and whatever a later version may call it.
		m.LostSequence, m.At, m.ServerMayActUntil = r.lines, e.Time, e.Time.Add(org.ActWithin)
		if e.InvitationID != "" {
			m.InvitationID = e.InvitationID
		}
	}
}

// lastLost returns the last mail whose answer was lost; nil if there is none. Facts name no mail, and are about this
// one.
func (p *person) lastLost() *mail {
	for _, m := range slices.Backward(p.mails) {
		if m.Lost {
			return m
		}
	}
	return nil
}

// add counts a refusal, once for each run: a renewal and the new invitation after it may both be refused.
func (r *refusals) add(e Entry, line int) {
	if r.count == 0 || r.run != e.Run {
		r.count++
		r.lines = append(r.lines, line)
	} else {
		r.lines[len(r.lines)-1] = line
	}
	r.lines = r.lines[max(0, len(r.lines)-keptRefusals):]
	r.run, r.at, r.text = e.Run, e.Time, e.Message
}

// limitTimes replays that a run began at the time t: what earlier lines say happened before,
// whatever their times are. A clock was wrong when they were written.
func (r *replayer) limitTimes(t time.Time) {
	limit := func(at *time.Time) bool {
		if !at.After(t) {
			return false
		}
		*at = t
		return true
	}
	for _, p := range r.people {
		for _, m := range p.mails {
			if limit(&m.At) && m.Expires.After(t.Add(org.InvitationLife)) {
				m.Expires = time.Time{}
			}
			if late := r.lastSend(m, t).Add(org.ActWithin); m.ServerMayActUntil.After(late) {
				m.ServerMayActUntil = late // later than any mail that was sent before, so that none of them is a witness
			}
		}
		for _, at := range []*time.Time{&p.since, &p.joined.at, &p.suspended.at, &p.removed.at, &p.refused.at} {
			limit(at)
		}
		for i := range p.removals {
			limit(&p.removals[i].At)
		}
	}
	for id, seen := range r.unlisted {
		limit(&seen.at)
		r.unlisted[id] = seen
	}
	r.latest = t
}

func (p *person) drop(gone *mail) {
	p.mails = slices.DeleteFunc(p.mails, func(m *mail) bool { return m == gone })
}

// memory returns what is remembered now.
func (r *replayer) memory() org.Memory {
	memory := org.Memory{
		People:   make(map[string]org.PersonRecord, len(r.people)),
		Unlisted: make(map[string]org.Sighting, len(r.unlisted)),
		Access:   make(map[org.AccessName]string, len(r.access)),
	}
	for id, seen := range r.unlisted {
		memory.Unlisted[id] = org.Sighting{Sequence: seen.line, At: seen.at}
	}
	for name, named := range r.access {
		memory.Access[name] = named.id
	}
	for key, p := range r.people {
		record := org.PersonRecord{RoundsResetSequence: p.countFrom, RoundsResetAt: p.since, Reinvited: p.reinvited,
			Joined: p.joined.line > 0, JoinedAt: p.joined.at, UserID: p.userID, Suspended: p.suspended.line > 0,
			SuspendedAt: p.suspended.at,
			Removed:     p.removed.line > 0, Unlisted: p.unlisted > 0, AssumedNotSent: p.assumedNotSent > 0,
			RemovedAt: p.removed.at, RemovedSequence: p.removed.line, EverMailed: p.everMailed.intent > 0,
			Refusals: p.refused.count, RefusedAt: p.refused.at, RefusedText: p.refused.text,
		}
		if p.mailedBefore.intent == 0 {
			record.OnlyMail = p.everMailed.intent
		}
		for _, removed := range p.removals {
			record.Removals = append(record.Removals, removed.Removal)
		}
		if len(p.mails) > 0 {
			record.Mails = make([]org.Mail, 0, len(p.mails))
		}
		for _, m := range p.mails {
			shown := m.Mail
			if m.outcome == 0 {
				shown.At = shown.At.Add(org.SendWithin)
			}
			record.Mails = append(record.Mails, shown)
		}
		memory.People[key] = record
	}
	return memory
}

// needed returns the numbers of the lines that the memory depends on, in order. Mails that no
// longer count as rounds and whose invitation expired before now are not among them.
func (r *replayer) needed(now time.Time) []int {
	var lines []int
	keep := func(line int) {
		if line > 0 {
			lines = append(lines, line)
		}
	}
	for _, seen := range r.unlisted {
		keep(seen.line)
	}
	for _, named := range r.access {
		keep(named.line)
	}
	for _, p := range r.people {
		keep(p.everMailed.intent)
		keep(p.everMailed.outcome)
		keep(p.mailedBefore.intent)
		keep(p.mailedBefore.outcome)
		for _, removed := range p.removals {
			keep(removed.line)
		}
		for _, line := range p.refused.lines {
			keep(line)
		}
		keep(p.joined.line)
		keep(p.unlisted)
		keep(p.assumedNotSent)
		keep(p.reset)
		keep(p.reinvited)
		keep(p.suspended.line)
		keep(p.removed.line)
		for _, m := range p.mails {
			if m.Sequence < p.countFrom && !m.Lost && now.After(m.ExpiresAt()) {
				continue
			}
			keep(m.Sequence)
			keep(m.outcome)
		}
	}
	slices.Sort(lines)
	return slices.Compact(lines)
}
