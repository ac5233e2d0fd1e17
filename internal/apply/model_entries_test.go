package apply_test

import (
	"slices"
	"time"

	"pgregory.net/rapid"

	"github.com/orgsync/orgsync/internal/org"
	"github.com/orgsync/orgsync/internal/roster"
	"github.com/orgsync/orgsync/internal/sandbox"
)

// entry is what the roster says about a person besides the address.
type entry struct {
	// Alias is true if the roster has the other address of the person, see [elsewhere].
	Alias bool
	// From and Until are the first and the last day, in days after the day on which the history begins; 0 means none.
	From, Until int
	// TeamUntil is the last day of the person in the team that gives them their access; 0 means that this day has no
	// end.
	TeamUntil int
}

func (s *script) drawEntries(t *rapid.T) {
	s.Entries = make(map[string]entry, len(s.People))
	for _, who := range s.People {
		if rapid.IntRange(0, 3).Draw(t, "plain") > 0 {
			continue
		}
		e := entry{Alias: rapid.Bool().Draw(t, "alias")}
		if rapid.IntRange(0, 2).Draw(t, "days") == 0 {
			e.From, e.Until = rapid.IntRange(0, 4).Draw(t, "from"), rapid.IntRange(0, 12).Draw(t, "until")
			if e.Until > 0 {
				e.From = min(e.From, e.Until)
			}
		}
		if rapid.Bool().Draw(t, "leaves the team") {
			e.TeamUntil = rapid.IntRange(1, 6).Draw(t, "team until")
		}
		s.Entries[who] = e
	}
}

// fill gives p what the script says about it.
func (r *referee) fill(p *roster.Person) {
	e := r.script.Entries[p.Email.Key()]
	if e.Alias {
		p.Aliases = []org.Address{org.MustParseAddress(elsewhere(p.Email.Key()))}
	}
	if e.From > 0 {
		p.From = roster.DayOf(r.firstDay.AddDate(0, 0, e.From))
	}
	if e.Until > 0 {
		p.Until = roster.DayOf(r.firstDay.AddDate(0, 0, e.Until))
	}
	var last roster.Day
	if e.TeamUntil > 0 {
		last = roster.DayOf(r.firstDay.AddDate(0, 0, e.TeamUntil))
	}
	p.Teams = []roster.Membership{{Team: "team", Until: last, At: p.At}}
	access := r.script.Access
	if access.API != "" {
		p.APIEnabled = new(access.API == "on")
	}
	for kind, names := range map[org.Kind][]string{
		org.KindGroup: access.Groups, org.KindRole: access.Roles, org.KindPolicy: access.Policies,
	} {
		if names == nil {
			continue
		}
		given := refs(names...)
		for i := range given {
			given[i].Until = last
		}
		*p.RefsPointer(kind) = given
	}
}

// isOutOfTeam reports whether the team gives nothing to who any more, also by the lists that a run may have read
// before.
func (r *referee) isOutOfTeam(who string) bool {
	last := r.script.Entries[who].TeamUntil
	return last > 0 && r.Now().After(r.firstDay.AddDate(0, 0, last+1).Add(time.Hour))
}

// awaitMidnight waits until no day begins within d, so that no first or last day begins or ends for that long. It
// waits a few minutes more, because invitations expire at full hours of the history.
func (r *referee) awaitMidnight(d time.Duration) {
	midnight := r.Now().Truncate(24 * time.Hour).Add(24 * time.Hour)
	if left := midnight.Sub(r.Now()); left <= d {
		time.Sleep(left + 7*time.Minute)
	}
}

// hasAddress reports whether who is an address of p.
func hasAddress(p roster.Person, who string) bool {
	return slices.ContainsFunc(p.Addresses(), func(a org.Address) bool { return a.Key() == who })
}

// isEnded reports whether who has an entry whose last day is over.
func (r *referee) isEnded(who string) bool {
	return slices.ContainsFunc(r.roster.People, func(p roster.Person) bool {
		return p.Ended(r.Now()) && hasAddress(p, who)
	})
}

// days checks (m): nobody is mailed before the first day or after the last day. Only a person that a flag named is
// mailed if the invitation would expire after the last day.
func (r *referee) days(who string, mail sandbox.Mail) {
	e := r.script.Entries[who]
	if r.wasAsked(who, mail) {
		return
	}
	if e.From > 0 && mail.At.Before(r.firstDay.AddDate(0, 0, e.From)) {
		r.fault("(m) %s was mailed at %v, before the first day", who, mail.At)
	}
	if e.Until == 0 {
		return
	}
	end := r.firstDay.AddDate(0, 0, e.Until+1).Add(org.ActWithin) // the server may act late
	switch {
	case mail.At.After(end):
		r.fault("(m) %s was mailed at %v, after the last day", who, mail.At)
	case mail.At.Add(org.InvitationLife).After(end) && !r.singled[who] && !r.reset[who]:
		r.fault("(m) %s was mailed at %v, and the last day is over before the invitation expires", who, mail.At)
	}
}
