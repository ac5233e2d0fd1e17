package apply_test

import (
	"net/http"
	"reflect"
	"slices"
	"strings"
	"time"

	"pgregory.net/rapid"

	"github.com/orgsync/orgsync/internal/org"
	"github.com/orgsync/orgsync/internal/roster"
	"github.com/orgsync/orgsync/internal/sandbox"
)

// script is a random history: the dialect of the API, the people, and the episodes. It is drawn completely before it is
// played, so that it can be played with fake time.
type script struct {
	Dialect  sandbox.Dialect
	Lag      time.Duration
	Latency  time.Duration
	Limit    int           // requests in a second that the API takes; negative: any number
	ClockOff time.Duration // how far the API's clock is ahead of the local one
	Rounds   int
	Unlisted roster.UnlistedPolicy
	People   []string
	Others   []string         // the people in the other roster
	Entries  map[string]entry // what the roster says about these people besides the address
	Seeds    []seed
	Members  []sandbox.User // strangers, a service user, and members with access
	Access   access
	PageCap  int
	Policy   policy
	Episodes []episode
}

// policy is the rest of the roster's settings.
type policy struct {
	HiddenMembers           roster.HiddenMembersPolicy
	UnlistedAfter           time.Duration
	MaxRemovals, MaxRevokes int
	ExtraAccess             roster.ExtraAccessPolicy
	Protected               []string
}

// access is what the roster gives everybody.
type access struct {
	API                     string   // "on", "off" or "": it is not managed
	Groups, Roles, Policies []string // nil: they are not managed
}

// names reports whether the roster gives one of these, which are written as [holds] writes them.
func (a access) names(what string) bool {
	kind, name, _ := strings.Cut(what, " ")
	if name == renamedGroup {
		name = "everyone"
	}
	return slices.Contains(map[string][]string{"group": a.Groups, "role": a.Roles, "policy": a.Policies}[kind], name)
}

// renamedGroup is what the group "everyone" is called after the deed "rename group".
const renamedGroup = "all people"

// holds are the groups, roles and policies that u has directly.
func holds(u sandbox.User) (all []string) {
	for _, name := range u.Groups {
		all = append(all, "group "+name)
	}
	for _, name := range u.Roles {
		all = append(all, "role "+name)
	}
	for _, name := range u.Policies {
		all = append(all, "policy "+name)
	}
	return all
}

// seed is a person who is a user, or has an invitation, before the first episode.
type seed struct {
	Email string
	As    string // user, or the state of an invitation
	Age   time.Duration
	// Groups, Roles, Policies and API are what a user has.
	Groups, Roles, Policies []string
	API                     bool
}

// episode is some time, things that people do, and one run or several at once.
type episode struct {
	Wait        time.Duration
	Deeds       []deed
	Faults      []sandbox.Fault
	Concurrency int
	Rate        float64
	Kill        int // the step at which the run is killed; 0: it is not killed
	Torn        int
	AtOnce      int
	Stop        time.Duration // the time after which the run is interrupted; 0: it is not interrupted
	Late        int           // the mail on which the server acts only after the client gave up; 0: none
	LateBy      time.Duration
	SettleWait  time.Duration // --settle-wait
	WrongClock  string        // the list, or writes, whose answers have a date that is months off; "": none
	Reinvite    []string      // --reinvite
	Only        []string      // --only
	Resend      []string      // --resend
	InviteLeft  bool
	Ledger      string // lost, restored, doubled, appended, future, or "": as it is
	Hidden      string // users, suspended, both, or "": the key may read everything
	HiddenBy    int    // the status with which the API hides suspended users
	Other       bool   // the run uses the other roster
	MoveAt      int    // the page before which rows move once, not counting first pages; 0: they do not move
	Moves       string // the path of the list whose rows move
}

// writes means all requests that change something.
const writes = "writes"

// deed is something that a person, an administrator or the author of the roster does.
type deed struct{ Who, What, As string }

// Users that are in no roster, and the address of the rows that move.
const (
	stranger = "stranger@other.example"
	helper   = "helper@other.example"
	robot    = "robot@service.example"
	mover    = "mover@other.example"
)

func drawScript(t *rapid.T) script {
	draw := func(label string, d ...time.Duration) time.Duration { return rapid.SampledFrom(d).Draw(t, label) }
	named := sandbox.Dialects()
	s := script{
		Dialect:  named[rapid.IntRange(0, len(named)-1).Draw(t, "dialect")].Dialect,
		Lag:      draw("lag", 0, 0, 30*time.Second, 5*time.Minute),
		Latency:  draw("latency", 0, 100*time.Millisecond),
		Rounds:   rapid.IntRange(1, 4).Draw(t, "rounds"),
		Unlisted: pick(t, "unlisted", roster.UnlistedReport, roster.UnlistedSuspend, roster.UnlistedRemove),
		Limit:    pick(t, "limit", -1, -1, 10),
		ClockOff: draw("clock off", 0, 0, 100*time.Hour, -100*time.Hour),
		People:   manyPeople(rapid.IntRange(1, 12).Draw(t, "people")),
	}
	if rapid.IntRange(0, 2).Draw(t, "mixed") == 0 {
		s.Dialect = mixDialects(t, named)
	}
	// The axes that matter most for mails are always mixed.
	s.Dialect.Lapsed = pick(t, "lapsed", sandbox.LapsedPending, sandbox.LapsedMarked, sandbox.LapsedVanish)
	s.Dialect.Accepted = pick(t, "accepted", sandbox.AcceptedListed, sandbox.AcceptedVanish)
	s.Dialect.Declined = pick(t, "declined", sandbox.DeclinedListed, sandbox.DeclinedVanish)
	s.Dialect.ResendID = pick(t, "resend id", sandbox.ResendSameID, sandbox.ResendNewID)
	s.Dialect.ResendLapsed = pick(t, "resend expired",
		sandbox.ResendLapsedSent, sandbox.ResendLapsed400, sandbox.ResendLapsed404)
	s.Dialect.InviteLapsed = pick(t, "invite expired", sandbox.InviteLapsedNew, sandbox.InviteLapsedSame)
	s.Dialect.Duplicate = pick(t, "duplicate",
		sandbox.Duplicate400, sandbox.Duplicate409, sandbox.DuplicateSame, sandbox.DuplicateSecond,
		sandbox.DuplicateReplace)
	s.Dialect.Expiration = pick(t, "expiration", sandbox.ExpirationTold, sandbox.ExpirationTold, sandbox.ExpirationNull)
	s.Dialect.InviteAccepted = pick(t, "invite accepted",
		sandbox.InviteAcceptedAbsent, sandbox.InviteAcceptedTold, sandbox.InviteAcceptedInvited, sandbox.InviteAcceptedSingle)
	if rapid.IntRange(0, 5).Draw(t, "pending only") == 0 {
		d := &s.Dialect
		d.Lapsed, d.Accepted, d.Declined = sandbox.LapsedVanish, sandbox.AcceptedVanish, sandbox.DeclinedVanish
	}
	if s.PageCap = pick(t, "page cap", 0, 0, 0, 2, 3, 5); s.PageCap > 0 {
		s.Dialect.Paging = sandbox.PagingOffset
	}
	if hidesInvited(s.Dialect, s.Lag > 0 || s.PageCap > 0) {
		s.Dialect.InviteAccepted = sandbox.InviteAcceptedAbsent // here, people are also invited by hand
	}
	for _, who := range s.People {
		if rapid.IntRange(0, 3).Draw(t, "listed by the other") > 0 {
			s.Others = append(s.Others, who)
		}
	}
	for _, who := range s.People {
		if rapid.IntRange(0, 4).Draw(t, "seeded") == 0 {
			s.Seeds = append(s.Seeds, seed{
				Email: who, As: pick(t, "as", "user", "pending", "expired"), Age: draw("age", time.Hour, 60*time.Hour),
			})
		}
	}
	s.drawEntries(t)
	s.drawMembers(t)
	s.drawAccess(t)
	hidden := pick(t, "hidden", "never", "never", "never", "always", "from", "sometimes")
	if hidden != "never" && rapid.IntRange(0, 4).Draw(t, "cannot do its work") > 0 {
		s.Access, s.Unlisted = access{}, roster.UnlistedReport // otherwise the runs would refuse to do anything
	}
	kind := rapid.SampledFrom([]string{"users", "suspended", "both"})
	what := kind.Draw(t, "what is hidden")
	lateBy := time.Duration(0) // how late the server may still act on a late mail of this or an earlier episode
	for n := range rapid.IntRange(1, 5).Draw(t, "episodes") {
		e := episode{
			Wait:        draw("wait", 0, time.Minute, 14*time.Minute, time.Hour, 30*time.Hour, 73*time.Hour),
			Concurrency: pick(t, "concurrency", 1, 2, 8),
			Rate:        pick[float64](t, "rate", 0, 20),
			AtOnce:      pick(t, "at once", 1, 1, 1, 3),
		}
		for range rapid.IntRange(0, 3).Draw(t, "deeds") {
			e.Deeds = append(e.Deeds, deed{
				Who:  rapid.SampledFrom(s.People).Draw(t, "who"),
				What: rapid.SampledFrom(deeds).Draw(t, "what"),
				As:   rapid.SampledFrom(s.People).Draw(t, "as"),
			})
		}
		for range rapid.IntRange(0, 2).Draw(t, "faults") {
			f := rapid.SampledFrom(append(faults(), otherFaults()...)).Draw(t, "fault")
			f.From, f.Every = rapid.IntRange(1, 8).Draw(t, "from"), rapid.IntRange(1, 4).Draw(t, "every")
			f.Times = rapid.IntRange(0, 4).Draw(t, "times")
			mailsOnly := f.Kind == sandbox.FaultWrongPerson || f.Kind == sandbox.FaultNoID ||
				f.Kind == sandbox.FaultForbid // two readers of one list would stop the fake time: sync.Once is a mutex
			if rapid.IntRange(0, 3).Draw(t, "reads too") == 0 && !mailsOnly {
				f.Method, f.Path = "", ""
			}
			if mayActLate(f) {
				f.ActAfter = draw("acts late", 0, 0, time.Second, 30*time.Second, 100*time.Second)
			}
			e.Faults = append(e.Faults, f)
		}
		if rapid.IntRange(0, 2).Draw(t, "mortal") == 0 {
			e.Kill, e.Torn = rapid.IntRange(1, 70).Draw(t, "kill"), pick(t, "torn", 0, 50, 100)
		}
		if rapid.IntRange(0, 5).Draw(t, "stopped") == 0 {
			e.Stop = draw("stop", time.Millisecond, 500*time.Millisecond, 10*time.Second, 40*time.Second)
		}
		if rapid.IntRange(0, 3).Draw(t, "late") == 0 {
			e.Late = rapid.IntRange(1, 12).Draw(t, "late mail")
			e.LateBy = draw("late by", 0, time.Second, 10*time.Second, 100*time.Second)
		}
		if e.Wait > org.ActWithin {
			lateBy = 0
		}
		lateBy = max(lateBy, e.LateBy)
		for i := range e.Faults { // a fault may also hit the late mail: even then the server acts within ActWithin
			e.Faults[i].ActAfter = min(e.Faults[i].ActAfter, org.ActWithin-time.Second-lateBy)
		}
		e.SettleWait = draw("settle wait", leaveToLaterRun, 5*time.Minute, 5*time.Minute, 20*time.Minute)
		if rapid.IntRange(0, 5).Draw(t, "odd clock") == 0 {
			e.WrongClock = pick(t, "wrong clock",
				"/v2/account", "/v2/users", "/v2/invitation", "/v2/organizations", writes)
		}
		if e.AtOnce == 1 && rapid.IntRange(0, 5).Draw(t, "reinvites") == 0 {
			e.Reinvite = []string{rapid.SampledFrom(s.People).Draw(t, "reinvite")}
		}
		if len(e.Reinvite) == 0 && rapid.IntRange(0, 5).Draw(t, "some only") == 0 {
			e.Only = []string{rapid.SampledFrom(s.People).Draw(t, "only")}
		}
		if len(e.Only) == 0 && e.AtOnce == 1 && rapid.IntRange(0, 3).Draw(t, "once more") == 0 {
			e.Resend = []string{rapid.SampledFrom(s.People).Draw(t, "resend")}
		}
		e.InviteLeft = rapid.IntRange(0, 5).Draw(t, "invite left") == 0
		if rapid.IntRange(0, 7).Draw(t, "ledger") == 0 {
			e.Ledger = pick(t, "what of it", "lost", "restored", "doubled", "appended", "future")
		}
		e.HiddenBy = pick(t, "hidden by", http.StatusForbidden, http.StatusNotFound)
		switch hidden {
		case "always":
			e.Hidden = what
		case "from":
			if n > 0 {
				e.Hidden = what
			}
		case "sometimes":
			if rapid.Bool().Draw(t, "hidden now") {
				e.Hidden = kind.Draw(t, "what is hidden now")
			}
		}
		e.Other = rapid.IntRange(0, 4).Draw(t, "other roster") == 0
		if s.PageCap > 0 && rapid.Bool().Draw(t, "rows move") {
			e.MoveAt, e.Moves = rapid.IntRange(1, 6).Draw(t, "move at"), pick(t, "moves", "/v2/users", "/v2/invitation")
		}
		s.Episodes = append(s.Episodes, e)
	}
	if hidden == "never" && rapid.IntRange(0, 9).Draw(t, "in turn") == 0 {
		s.takeTurns()
	}
	return s
}

// hidesInvited reports whether invited people are users although the list of invitations may not show their
// invitations, so that only the ledger says that they were invited. isLate says that the lists may lack rows for some
// time.
func hidesInvited(d sandbox.Dialect, isLate bool) bool {
	isHidden := isLate || d.Lapsed == sandbox.LapsedVanish || d.Declined == sandbox.DeclinedVanish
	return d.InviteAccepted == sandbox.InviteAcceptedSingle && isHidden
}

// mixDialects draws a dialect whose axes come from different dialects of named.
func mixDialects(t *rapid.T, named []sandbox.NamedDialect) sandbox.Dialect {
	var mixed sandbox.Dialect
	to := reflect.ValueOf(&mixed).Elem()
	for i := range to.NumField() {
		from := named[rapid.IntRange(0, len(named)-1).Draw(t, to.Type().Field(i).Name)].Dialect
		to.Field(i).Set(reflect.ValueOf(from).Field(i))
	}
	return mixed
}

// takeTurns makes runs with two rosters take turns. One roster lists the first person, and the other one removes them.
// The person accepts each mail the next day.
func (s *script) takeTurns() {
	first := s.People[0]
	s.Unlisted, s.Policy.Protected = roster.UnlistedRemove, nil
	s.Others = slices.DeleteFunc(s.Others, func(who string) bool { return who == first })
	turns := []episode{
		{}, {Deeds: []deed{{Who: first, What: "accept"}}}, {Other: true},
		{}, {Deeds: []deed{{Who: first, What: "accept"}}}, {Other: true}, {},
	}
	for i := range turns {
		turns[i].Wait, turns[i].Concurrency, turns[i].AtOnce = 20*time.Hour, 1, 1
	}
	s.Episodes = append(turns, s.Episodes[len(s.Episodes)-1])
}

// pick draws one of values.
func pick[T any](t *rapid.T, label string, values ...T) T {
	return rapid.SampledFrom(values).Draw(t, label)
}

// deeds are the things that people and administrators do between runs. The most important ones are there several times.
var deeds = []string{
	"accept", "accept", "accept", "accept elsewhere", "accept elsewhere", "accept elsewhere", "accept as", "decline",
	"leave", "leave elsewhere", "out", "in", "by hand", "cancel", "suspend", "unsuspend", "rename", "rename back",
	"stranger joins", "stranger invited", "stranger leaves", "rename group",
}

// drawMembers draws users that are in no roster, and the access of all users.
func (s *script) drawMembers(t *rapid.T) {
	groups := rapid.SampledFrom([][]string{nil, {"everyone"}, {"platform"}, {"everyone", "platform"}})
	roles := rapid.SampledFrom([][]string{nil, nil, {"deployer"}})
	policies := rapid.SampledFrom([][]string{nil, nil, {"billing"}})
	for _, u := range []sandbox.User{{Email: stranger}, {Email: helper}, {Email: robot, Service: true}} {
		if rapid.IntRange(0, 2).Draw(t, "member") == 0 {
			u.Groups, u.APIEnabled = groups.Draw(t, "member's groups"), rapid.Bool().Draw(t, "member's API")
			u.Roles, u.Policies = roles.Draw(t, "member's roles"), policies.Draw(t, "member's policies")
			s.Members = append(s.Members, u)
		}
	}
	for i := range s.Seeds {
		if s.Seeds[i].As == "user" {
			seed := &s.Seeds[i]
			seed.Groups, seed.API = groups.Draw(t, "user's groups"), rapid.Bool().Draw(t, "user's API")
			seed.Roles, seed.Policies = roles.Draw(t, "user's roles"), policies.Draw(t, "user's policies")
		}
	}
}

// drawAccess draws the access that the roster gives, and the settings that let it take something away.
func (s *script) drawAccess(t *rapid.T) {
	if rapid.Bool().Draw(t, "gives access") {
		s.Access = access{
			API:      pick(t, "API", "", "on", "off"),
			Groups:   rapid.SampledFrom([][]string{nil, {}, {"everyone"}, {"platform"}}).Draw(t, "groups"),
			Roles:    rapid.SampledFrom([][]string{nil, {}, {"deployer"}}).Draw(t, "roles"),
			Policies: rapid.SampledFrom([][]string{nil, {}, {"billing"}}).Draw(t, "policies"),
		}
	}
	s.Policy = policy{
		HiddenMembers: pick(t, "hidden members", roster.HiddenMembersHold, roster.HiddenMembersInvite),
		UnlistedAfter: pick(t, "unlisted after", 0, 24*time.Hour, 100*time.Hour),
		MaxRemovals:   pick(t, "max removals", 5, 5, 1, 2),
		MaxRevokes:    pick(t, "max revokes", 25, 25, 1, 3),
		ExtraAccess:   pick(t, "extra access", roster.ExtraAccessReport, roster.ExtraAccessRevoke),
	}
	for _, who := range []string{stranger, s.People[0], s.People[len(s.People)-1]} {
		if rapid.IntRange(0, 3).Draw(t, "protected") == 0 {
			s.Policy.Protected = append(s.Policy.Protected, who)
		}
	}
}

// mayActLate reports whether the server may act on a request although f broke its answer.
func mayActLate(f sandbox.Fault) bool {
	switch f.Kind {
	case sandbox.FaultThrottle, sandbox.FaultForbid, sandbox.FaultSlow:
		return false
	default:
		return !f.ActFirst && f.Status != http.StatusConflict
	}
}

// otherFaults are those that are not lost answers, or not only: a key that is refused for a while, and
// answers that come late.
func otherFaults() []sandbox.Fault {
	var all []sandbox.Fault
	for _, f := range []sandbox.Fault{
		{Kind: sandbox.FaultForbid},
		{Kind: sandbox.FaultForbid, Status: 401},
		{Kind: sandbox.FaultStatus, Status: 409},
		{Kind: sandbox.FaultStatus, Status: 504},
		{Kind: sandbox.FaultStatus, Status: 504, ActFirst: true},
		{Kind: sandbox.FaultSlow, Delay: 5 * time.Second},
		{Kind: sandbox.FaultSlow, Delay: 40 * time.Second},
		{Kind: sandbox.FaultSlow, Delay: 40 * time.Second, ActFirst: true},
	} {
		f.Method, f.Path = http.MethodPost, "/v2/invitation*"
		all = append(all, f)
	}
	return all
}
