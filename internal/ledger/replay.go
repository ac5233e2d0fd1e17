package ledger

import (
	"math"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/orgsync/orgsync/internal/org"
)

// replayer turns the lines of a ledger, one after another, into the memory. It numbers the lines from 1. The numbers
// are the sequence numbers of [org.Memory].
type replayer struct {
	// holderMayOutliveLease is true if a run may still be alive when the next run begins, because another machine took
	// over its lease.
	holderMayOutliveLease bool

	lines      int // the number of lines so far
	runs       map[string]*run
	begins     []begin // where another run begins, in the order of the lines
	people     map[string]*person
	announced  []*person           // people with an intent of the last run
	unlisted   map[string]sighting // by user id in lower case
	access     map[org.AccessName]namedAccess
	clockLines []int // the lines that say that a clock was wrong
	// suspended has the addresses under which a user was suspended, by user id in lower case. The suspension may end
	// under another address of the person.
	suspended map[string][]*person
	// misdirected is the last mail whose answer named another organization, if no --reinvite came after it.
	misdirected      org.Misdirected
	misdirectedLines mailLines
}

// run is a run that wrote lines.
type run struct {
	name   string
	latest time.Time // the latest time of its lines
}

// begin is the first line of several lines of one run.
type begin struct {
	line int
	run  *run
}

// namedAccess is the id of a group, role or policy that a roster named, and the line that recorded it.
type namedAccess struct {
	id   string
	line int
}

// person is the [org.PersonRecord] that is built, with the lines that recorded it.
type person struct {
	mails []*mail
	open  *mail // the mail that the last run announced and that has no outcome yet; nil if there is none
	// roundsFrom is the line after which mails count as rounds, and roundsFromAt is its time.
	roundsFrom   int
	roundsFromAt time.Time

	joined, suspended, removed mark
	markBefore                 mark // the value of suspended or removed before the last intent
	// suspendUntil is the time until which the server may act on a suspension whose answer was lost. suspendUntilBefore is
	// its value before the last intent.
	suspendUntil, suspendUntilBefore time.Time
	// These are the lines that recorded the fields of org.PersonRecord with these names, or 0.
	unlistedLine, assumedNotSentLine, reinvitedLine int
	userID                                          string
	userLine                                        int // the line that says that the address belongs to userID
	// removalBeforeJoined is the line of a removal that joined did not end. Without it, joined would end the mails that
	// were sent after the removal.
	removalBeforeJoined int
	// lastMail is the last mail that was sent or may have been sent. previousMail is the one before it, and olderMail
	// the one before that.
	lastMail, previousMail, olderMail mailLines
	removals                          []removal
	// lastReturn has the lines that say that the person was invited again or is a member. They part two removals.
	lastReturn mailLines
	refused    refusals
	// notSentMail is the mail that assumedNotSentLine is about. Compaction keeps its lines. Otherwise assumedNotSentLine
	// would be about an earlier lost mail.
	notSentMail mailLines
	// intent is the line of the last intent. failed is the last change that failed; zero if there is none.
	intent int
	failed failure
}

// failure is a change that the server did not make, or perhaps did not make. It has the lines of the intent and the
// outcome. They are 0 if compaction need not keep them.
type failure struct {
	at           time.Time
	intent, line int
}

// mailLines has the lines of the intent and the outcome of a mail. They are 0 if there is no such line.
type mailLines struct{ intent, outcome int }

// removal is an [org.Removal] with the line that recorded it.
type removal struct {
	org.Removal
	line int
	user string // the id of the user; "" if the line has none
	// partedBy is the lastReturn that parts it from the removal before. Without these lines, the two would be one removal.
	partedBy mailLines
}

// refusals has the refusals of a person in [org.PersonRecord]. A run counts once.
type refusals struct {
	count int
	last  refusal
	lines [][]int // the lines of the last org.KeptRefusals refusals
}

// refusal is a mail that the server refused, or that was lost and counts as not sent.
type refusal struct {
	run  string // the run that sent the mail
	at   time.Time
	text string // the answer; "" if the mail was lost
}

// mark is a line that recorded something, and its time; zero if there is no such line.
type mark struct {
	line int
	at   time.Time
	user string // the id of the user that the line is about; "" if the line has none
}

// endsRemoval reports whether joined, the line that says that the person is a member, ends the removal of removed.
func (joined mark) endsRemoval(removed mark) bool {
	return org.PersonRecord{
		JoinedSequence: joined.line, JoinedAt: joined.at, RemovedSequence: removed.line, RemovedAt: removed.at,
	}.JoinedSinceRemoval()
}

// sighting is the line that recorded an unlisted user, and the key of the user's address.
type sighting struct {
	mark
	email string
}

// mail is an [org.Mail] with the run that sent it and the lines of its outcome and of its lost answer, or 0.
type mail struct {
	org.Mail
	run           string
	outcome, lost int
}

// lastAt returns the time of m or, if it has no outcome, the last time at which it may have been sent.
func (m *mail) lastAt() time.Time {
	if m.outcome == 0 {
		return m.At.Add(org.SendWithin)
	}
	return m.At
}

func newReplayer(holderMayOutliveLease bool) *replayer {
	return &replayer{
		holderMayOutliveLease: holderMayOutliveLease, runs: map[string]*run{}, people: map[string]*person{},
		unlisted: map[string]sighting{}, access: map[org.AccessName]namedAccess{}, suspended: map[string][]*person{},
	}
}

// add replays the next line.
func (r *replayer) add(e Entry) {
	r.lines++
	if len(r.begins) == 0 || e.Run != r.begins[len(r.begins)-1].run.name {
		// The run before is over. Its mails without an outcome were lost before this run sent anything.
		for _, p := range r.announced {
			if m := p.open; m != nil {
				m.LostSequence, m.ServerMayActUntil = r.lines, r.lastSend(m, e.Time).Add(org.ActWithin)
				p.open = nil
			}
		}
		r.announced = r.announced[:0]
		if r.runs[e.Run] == nil {
			r.runs[e.Run] = &run{name: e.Run}
		}
		r.begins = append(r.begins, begin{r.lines, r.runs[e.Run]})
	}
	if e.Action == Run && e.Kind == wrongClock {
		r.limitTimes(strings.Fields(e.Object), e.Time)
		r.clockLines = append(r.clockLines, r.lines)
	}
	current := r.begins[len(r.begins)-1].run
	current.latest = org.Later(current.latest, e.Time)
	switch e.Action {
	case Action(org.FactUnlistedUser):
		if _, seen := r.unlisted[strings.ToLower(e.Object)]; !seen {
			r.unlisted[strings.ToLower(e.Object)] = sighting{mark{r.lines, e.Time, e.Object}, e.Email}
		}
		return
	case Action(org.FactUserGone):
		delete(r.unlisted, strings.ToLower(e.Object))
		return
	case Action(org.FactAccess):
		r.access[org.AccessName{Kind: e.Kind, Name: e.Name}] = namedAccess{e.Object, r.lines}
		return
	case Action(org.FactJoined):
		delete(r.unlisted, strings.ToLower(e.Object))
	case Action(org.EditRemove):
		if e.Outcome == Sent {
			delete(r.unlisted, strings.ToLower(e.Object))
		}
	default: // the action is not about unlisted users or access
	}
	if e.Email == "" {
		return
	}
	p := r.people[e.Email]
	if p == nil {
		p = &person{}
		r.people[e.Email] = p
	}
	p.noteFailure(e, r.lines)
	switch e.Action {
	case Invite, Resend:
		r.addMail(p, e)
	case Action(org.FactJoined):
		p.joined = mark{r.lines, e.Time, e.Object}
		p.lastReturn = mailLines{intent: r.lines}
		if e.Object != "" { // otherwise an earlier line may say which user has the address
			p.userID, p.userLine = e.Object, r.lines
		}
		// If the list may not show the removal yet, the user in the list does not prove that the person has answered a mail
		// from after the removal.
		isBack := p.joined.endsRemoval(p.removed)
		p.mails = slices.DeleteFunc(p.mails, func(m *mail) bool { return isBack || m.Sequence < p.removed.line })
		p.roundsFrom, p.roundsFromAt, p.assumedNotSentLine = r.lines, e.Time, 0
		p.unlistedLine = 0
		p.refused, p.failed = refusals{}, failure{}
		p.removalBeforeJoined = p.removed.line
		if isBack {
			p.removed, p.removalBeforeJoined = mark{}, 0
		}
	case Action(org.FactActive):
		p.suspended = mark{}
	case Action(org.FactUnlisted):
		p.unlistedLine, p.roundsFrom, p.roundsFromAt = r.lines, r.lines, e.Time
	case Action(org.FactReset):
		r.misdirected, r.misdirectedLines = org.Misdirected{}, mailLines{}
		p.roundsFrom, p.roundsFromAt, p.reinvitedLine = r.lines, e.Time, r.lines
	case Action(org.FactFound):
		if m := p.lastLost(); m != nil {
			m.Lost, m.Found, m.LostSequence, m.ServerMayActUntil = false, true, 0, time.Time{}
			m.InvitationID, m.Expires, m.outcome = e.InvitationID, e.Expires, r.lines
			p.failed = failure{}
			p.refused = refusals{}
			for _, sent := range []*mailLines{&p.lastMail, &p.previousMail, &p.olderMail} {
				if sent.intent == m.Sequence {
					sent.outcome = r.lines
				}
			}
		}
	case Action(org.FactAbsent):
		p.assumedNotSentLine, p.notSentMail = r.lines, mailLines{}
		p.failed = failure{at: e.Time, line: r.lines}
		if m := p.lastLost(); m != nil {
			p.notSentMail = mailLines{m.Sequence, m.outcome}
			if p.lastMail.intent == m.Sequence {
				p.lastMail, p.previousMail = p.previousMail, p.olderMail
			}
			// The mail may have been sent in spite of this, for example if the list writes the address in another way. It
			// counts as a refusal, so that the person does not get such a mail in every run.
			p.refused.add(refusal{m.run, m.lastAt(), ""}, m.Sequence, m.outcome, r.lines)
			p.drop(m)
		}
	case Action(org.EditSuspend), Action(org.EditUnsuspend), Action(org.EditRemove):
		p.recordRemoval(e, r.lines)
		r.updateSuspended(p, e)
	default: // other actions are not part of the memory
	}
}

// updateSuspended records that the user of e was suspended under the address of p. If e ends the suspension or removes
// the user, it clears the suspension of this user under all addresses.
func (r *replayer) updateSuspended(p *person, e Entry) {
	switch id := strings.ToLower(e.Object); {
	case id == "":
	case e.Action == Action(org.EditSuspend):
		if !slices.Contains(r.suspended[id], p) {
			r.suspended[id] = append(r.suspended[id], p)
		}
	case e.Outcome == Sent:
		r.suspended[id] = slices.DeleteFunc(r.suspended[id], func(other *person) bool {
			return !strings.EqualFold(other.suspended.user, id) || other.endSuspension(e)
		})
		if len(r.suspended[id]) == 0 {
			delete(r.suspended, id)
		}
	}
}

// endSuspension ends the suspension in the memory, and reports whether it did. e is the line of the end of the
// suspension or of a removal. If the server may still act on a lost request to suspend the user, the suspension stays
// in the memory, so that orgsync can end it again. It then ends when orgsync sees that the user is not suspended.
func (p *person) endSuspension(e Entry) bool {
	if e.Action == Action(org.EditUnsuspend) && e.Time.Before(p.suspendUntil) {
		return false
	}
	p.suspended = mark{}
	return true
}

// noteSuspension records in suspendUntil whether the server may still act on e, a request to suspend a user. If e is
// an intent without an outcome, its run may have died.
func (p *person) noteSuspension(e Entry) {
	switch e.Outcome {
	case "":
		p.suspendUntilBefore = p.suspendUntil
		p.suspendUntil = org.Later(p.suspendUntil, e.Time.Add(org.SendWithin+org.ActWithin))
	case Sent, Refused, NotSent:
		p.suspendUntil = p.suspendUntilBefore
	default:
		p.suspendUntil = org.Later(p.suspendUntilBefore, e.Time.Add(org.ActWithin))
	}
}

// noteFailure records whether the change of e failed. A change that was made clears an earlier failure.
func (p *person) noteFailure(e Entry, line int) {
	switch e.Outcome {
	case "": // an intent, or a fact, after which there is no outcome
		p.intent = line
	case NotSent:
	case Sent:
		p.failed = failure{}
	default:
		p.failed = failure{e.Time, p.intent, line}
		switch org.EditOp(e.Action) {
		case org.EditSuspend, org.EditUnsuspend, org.EditRemove:
			// If compaction kept these lines without the later ones, they could mean something else.
			p.failed.intent, p.failed.line = 0, 0
		default:
		}
	}
}

// lastSend returns the last time at which m may have been sent. The run before announced m and recorded no outcome.
// begun is when the next run began. If begun is long before m, somebody has appended an older ledger, and nobody knows
// when the next run began. If it is a little before m, the clocks of the two runs differ.
func (r *replayer) lastSend(m *mail, begun time.Time) time.Time {
	if r.holderMayOutliveLease || m.At.Sub(begun) >= org.SettleAfter {
		return org.Later(begun, m.At.Add(org.SendWithin))
	}
	return org.Later(begun, m.At)
}

// recordRemoval replays a suspension, the end of a suspension, or a removal. An intent counts as done until its
// outcome says otherwise, because a run that died may have made the change. If the server refuses the change, the
// state before the intent is restored: an earlier request may have made the change.
func (p *person) recordRemoval(e Entry, line int) {
	isOther := e.Object != "" && p.suspended.user != "" && !strings.EqualFold(e.Object, p.suspended.user)
	if e.Outcome == Sent && e.Action != Action(org.EditSuspend) && !isOther {
		p.endSuspension(e) // a removal ends a suspension too
	}
	if e.Action == Action(org.EditUnsuspend) {
		return
	}
	current := &p.suspended
	if e.Action == Action(org.EditSuspend) {
		p.noteSuspension(e)
	} else {
		current = &p.removed
		if e.Outcome == Sent {
			p.addRemoval(removal{Removal: org.Removal{At: e.Time, Roster: e.Roster}, line: line, user: e.Object})
		}
	}
	switch e.Outcome {
	case "":
		p.markBefore, *current = *current, mark{line, e.Time, e.Object}
	case Refused, NotSent:
		*current = p.markBefore
	default:
		*current = mark{line, e.Time, e.Object}
	}
}

// addRemoval adds a removal that was made. If the list did not show the last removal yet, orgsync has removed the same
// user again. This is one removal. Two rosters would have mailed the person in between, or would have seen them join.
func (p *person) addRemoval(added removal) {
	if n := len(p.removals); n > 0 {
		last := p.removals[n-1]
		switch {
		case added.user == "" || !strings.EqualFold(added.user, last.user) ||
			added.At.Sub(last.At).Abs() >= org.SettleAfter:
		case p.lastReturn.intent > last.line:
			added.partedBy = p.lastReturn
		default:
			added.partedBy = last.partedBy
			p.removals = p.removals[:n-1]
		}
	}
	p.removals = append(p.removals, added)
	p.removals = p.removals[max(0, len(p.removals)-org.KeptRemovals):]
}

// addMail replays the intent or the outcome of a mail.
func (r *replayer) addMail(p *person, e Entry) {
	if e.Outcome == "" {
		m := &mail{run: e.Run, Mail: org.Mail{
			Email: e.Email, Renewal: e.Action == Resend, InvitationID: e.InvitationID,
			RenewedFrom: e.Expires, Sequence: r.lines, Lost: true, LostSequence: math.MaxInt, At: e.Time,
		}}
		p.mails = append(p.mails, m)
		p.unlistedLine = 0
		p.open = m
		p.olderMail, p.previousMail, p.lastMail = p.previousMail, p.lastMail, mailLines{intent: r.lines}
		r.announced = append(r.announced, p)
		return
	}
	m := p.open
	if m == nil {
		// The intent is missing, so the time of the mail is not known. Found is true, so that the mail is no witness.
		m = &mail{run: e.Run, Mail: org.Mail{Email: e.Email, Renewal: e.Action == Resend, Sequence: r.lines, Lost: true,
			Found: e.Outcome == Sent, At: e.Time}}
		p.mails = append(p.mails, m)
		p.unlistedLine = 0
	}
	p.open = nil
	m.outcome = r.lines
	if e.Object != "" { // by the answer, the mail is no invitation to the organization of the ledger
		r.misdirected = org.Misdirected{Email: e.Email, OrganizationID: e.Object}
		r.misdirectedLines = mailLines{m.Sequence, r.lines}
	}
	switch e.Outcome {
	case Refused, NotSent:
		if p.lastMail == (mailLines{intent: m.Sequence}) {
			p.lastMail, p.previousMail = p.previousMail, p.olderMail
		}
		if e.Message != "" {
			p.refused.add(refusal{e.Run, e.Time, e.Message}, r.lines)
		}
	default:
		p.lastMail = mailLines{m.Sequence, r.lines}
	}
	switch e.Outcome {
	case Sent:
		if e.Object != "" {
			p.drop(m)
			return
		}
		p.lastReturn = mailLines{m.Sequence, r.lines}
		m.Lost, m.LostSequence, m.InvitationID, m.Expires = false, 0, e.InvitationID, e.Expires
		m.Renewal = e.Action == Resend // the server may have renewed an invitation instead of making a new one
		p.refused = refusals{}
		if !e.Expires.After(m.At) { // estimate: the mail was sent before the time of this line
			m.Expires, m.Estimated = e.Time.Add(org.InvitationLife), true
		}
	case Refused, NotSent:
		p.drop(m)
	default:
		// Lost, Abandoned, and outcomes that a later version may write.
		m.lost, m.LostSequence, m.At, m.ServerMayActUntil = r.lines, r.lines, e.Time, e.Time.Add(org.ActWithin)
		if e.InvitationID != "" {
			m.InvitationID = e.InvitationID
		}
	}
}

// lastLost returns the last lost mail; nil if there is none. Facts do not name a mail: they are about this one.
func (p *person) lastLost() *mail {
	for _, m := range slices.Backward(p.mails) {
		if m.Lost {
			return m
		}
	}
	return nil
}

// add counts a refusal, but only once for each run, because a run may get two refusals for one person: for a renewal
// and for the new invitation after it. lines are the lines of its mail, or 0.
func (r *refusals) add(last refusal, lines ...int) {
	if r.counts(last.run) {
		r.lines[len(r.lines)-1] = lines
	} else {
		r.count++
		r.lines = append(r.lines, lines)
	}
	r.lines = r.lines[max(0, len(r.lines)-org.KeptRefusals):]
	r.last = last
}

// counts reports whether r counts the run already.
func (r *refusals) counts(run string) bool { return r.count > 0 && r.last.run == run }

// runsAfter returns the names of the runs whose lines have times after now, and the latest of these times.
func (r *replayer) runsAfter(now time.Time) (names []string, latest time.Time) {
	for name, wrote := range r.runs {
		if wrote.latest.After(now) {
			names, latest = append(names, name), org.Later(latest, wrote.latest)
		}
	}
	slices.Sort(names)
	return names, latest
}

// runOf returns the name of the run that wrote a line; "" for the line 0.
func (r *replayer) runOf(line int) string {
	after := sort.Search(len(r.begins), func(i int) bool { return r.begins[i].line > line })
	if after == 0 {
		return ""
	}
	return r.begins[after-1].run.name
}

// limitTimes sets all later times of these runs to t. A run found out at t that the clock of these runs was wrong.
// The other runs keep their times, even if they are later than t: if somebody has appended an old ledger to a newer
// one, lines before this one may be newer. A line of an earlier version names no runs, and limits nothing. If it
// limited all runs, a mail could seem too old, and a second mail would be sent. The next run limits the times that
// are still in the future.
func (r *replayer) limitTimes(names []string, t time.Time) {
	wrong := map[string]bool{}
	for _, name := range names {
		if wrote := r.runs[name]; wrote != nil && wrote.latest.After(t) {
			wrong[name], wrote.latest = true, t
		}
	}
	if len(wrong) == 0 {
		return
	}
	limit := func(at *time.Time, run string) bool {
		if !at.After(t) || !wrong[run] {
			return false
		}
		*at = t
		return true
	}
	for _, p := range r.people {
		for _, m := range p.mails {
			if limit(&m.At, m.run) && m.Expires.After(t.Add(org.InvitationLife)) {
				m.Expires = time.Time{}
			}
			if late := r.lastSend(m, t).Add(org.ActWithin); m.ServerMayActUntil.After(late) &&
				(wrong[m.run] || wrong[r.runOf(m.LostSequence)]) {
				m.ServerMayActUntil = late // still later than any earlier mail, so that none of them is a witness
			}
		}
		for _, recorded := range []*mark{&p.joined, &p.suspended, &p.removed, &p.markBefore} {
			limit(&recorded.at, r.runOf(recorded.line))
		}
		isWrong := wrong[r.runOf(p.suspended.line)] || wrong[r.runOf(p.markBefore.line)]
		for _, until := range []*time.Time{&p.suspendUntil, &p.suspendUntilBefore} {
			if late := t.Add(org.SendWithin + org.ActWithin); isWrong && until.After(late) {
				*until = late
			}
		}
		limit(&p.roundsFromAt, r.runOf(p.roundsFrom))
		limit(&p.refused.last.at, p.refused.last.run)
		for i, removed := range p.removals {
			limit(&p.removals[i].At, r.runOf(removed.line))
		}
	}
	for id, seen := range r.unlisted {
		limit(&seen.at, r.runOf(seen.line))
		r.unlisted[id] = seen
	}
}

func (p *person) drop(gone *mail) {
	p.mails = slices.DeleteFunc(p.mails, func(m *mail) bool { return m == gone })
}

// memory returns the memory after the lines so far.
func (r *replayer) memory() org.Memory {
	memory := org.Memory{
		People:   make(map[string]org.PersonRecord, len(r.people)),
		Unlisted: make(map[string]org.Sighting, len(r.unlisted)),
		Access:   make(map[org.AccessName]string, len(r.access)),

		Misdirected: r.misdirected,
	}
	for id, seen := range r.unlisted {
		memory.Unlisted[id] = org.Sighting{Email: seen.email, Sequence: seen.line, At: seen.at}
	}
	for name, named := range r.access {
		memory.Access[name] = named.id
	}
	removedUsers := r.removedUsers()
	for key, p := range r.people {
		removal := p.removed
		other := removedUsers[strings.ToLower(p.userID)]
		if other.line > removal.line && !p.joined.endsRemoval(other) {
			removal = other
		}
		record := org.PersonRecord{
			RoundsResetSequence: p.roundsFrom, RoundsResetAt: p.roundsFromAt, ReinvitedSequence: p.reinvitedLine,
			Joined: p.joined.line > 0, JoinedAt: p.joined.at, JoinedSequence: p.joined.line,
			UserID: p.userID, UserSequence: p.userLine,
			Suspended: p.suspended.line > 0, SuspendedAt: p.suspended.at, SuspendedUserID: p.suspended.user,
			Removed: removal.line > 0, RemovedAt: removal.at, RemovedSequence: removal.line, RemovedUserID: removal.user,
			AssumedNotSent: p.assumedNotSentLine > 0, Unlisted: p.unlistedLine > 0, UnlistedSequence: p.unlistedLine,
			EverMailed: p.lastMail.intent > 0,
			Refusals:   p.refused.count, RefusedAt: p.refused.last.at, RefusedText: p.refused.last.text,
			FailedAt: p.failed.at,
		}
		if p.previousMail.intent == 0 {
			record.OnlyMailSequence = p.lastMail.intent
		}
		for _, removed := range p.removals {
			record.Removals = append(record.Removals, removed.Removal)
		}
		if len(p.mails) > 0 {
			record.Mails = make([]org.Mail, 0, len(p.mails))
		}
		for _, m := range p.mails {
			recorded := m.Mail
			recorded.At = m.lastAt()
			recorded.RefusalCounted = m.Lost && p.refused.counts(m.run)
			record.Mails = append(record.Mails, recorded)
		}
		memory.People[key] = record
	}
	return memory
}

// removedUsers returns the last removal of each user, by user id in lower case. If the address of a user changed, the
// removal may be under an address that the roster never had.
func (r *replayer) removedUsers() map[string]mark {
	removed := map[string]mark{}
	for _, p := range r.people {
		if id := strings.ToLower(p.removed.user); id != "" && p.removed.line > removed[id].line {
			removed[id] = p.removed
		}
	}
	return removed
}

// needed returns the numbers of the lines that the memory depends on, in order.
func (r *replayer) needed() []int {
	var lines []int
	keep := func(line int) {
		if line > 0 {
			lines = append(lines, line)
		}
	}
	for _, line := range r.clockLines {
		keep(line)
	}
	keep(r.misdirectedLines.intent)
	keep(r.misdirectedLines.outcome)
	for _, seen := range r.unlisted {
		keep(seen.line)
	}
	for _, named := range r.access {
		keep(named.line)
	}
	for _, p := range r.people {
		keep(p.lastMail.intent)
		keep(p.lastMail.outcome)
		keep(p.previousMail.intent)
		keep(p.previousMail.outcome)
		for _, removed := range p.removals {
			keep(removed.line)
			keep(removed.partedBy.intent)
			keep(removed.partedBy.outcome)
		}
		for _, refused := range p.refused.lines {
			for _, line := range refused {
				keep(line)
			}
		}
		keep(p.failed.intent)
		keep(p.failed.line)
		keep(p.joined.line)
		keep(p.removalBeforeJoined)
		keep(p.userLine)
		keep(p.unlistedLine)
		if p.assumedNotSentLine > 0 {
			keep(p.assumedNotSentLine)
			keep(p.notSentMail.intent)
			keep(p.notSentMail.outcome)
		}
		keep(p.roundsFrom)
		keep(p.reinvitedLine)
		keep(p.suspended.line)
		keep(p.removed.line)
		for _, m := range p.mails {
			keep(m.Sequence)
			keep(m.lost)
			keep(m.outcome)
		}
	}
	slices.Sort(lines)
	return slices.Compact(lines)
}
