package apply_test

import (
	"net/http"
	"time"

	"pgregory.net/rapid"

	"github.com/orgsync/orgsync/internal/roster"
	"github.com/orgsync/orgsync/internal/sandbox"
)

// script is a random history: how the API speaks, who is there, and what happens to one run after another. It is drawn as
// a whole before it is played, so that it can be played on fake time.
type script struct {
	Dialect  sandbox.Dialect
	Lag      time.Duration
	Latency  time.Duration
	Limit    int           // requests in a second that the API takes; negative: any number
	ClockOff time.Duration // how far the API's clock is ahead of the local one
	Rounds   int
	Unlisted roster.UnlistedPolicy
	People   []string
	Seeds    []seed
	Episodes []episode
}

// seed is somebody who is there already.
type seed struct {
	Email string
	As    string // user, or the state of an invitation
	Age   time.Duration
}

// episode is some time, things that people do, and one run or several at once.
type episode struct {
	Wait        time.Duration
	Deeds       []deed
	Faults      []sandbox.Fault
	Concurrency int
	Rate        float64
	Kill        int // the step at which the run dies; 0: it lives
	Torn        int
	AtOnce      int
	Stop        time.Duration // after this the run is told to stop; 0: it is not
	Late        int           // the mail on which the server acts only after the client gave up; 0: none
	LateBy      time.Duration
	SettleWait  time.Duration // --settle-wait
	WrongClock  string        // the list, or writes, whose answers come from a machine whose clock is months off; "": none
	Reinvite    []string      // --reinvite
	InviteLeft  bool
	Ledger      string // lost, restored, or "": as it is
}

// writes are all requests that are none for a list.
const writes = "writes"

// deed is something that a person, or the maintainer of the roster, does.
type deed struct{ Who, What string }

func drawScript(t *rapid.T) script {
	draw := func(label string, d ...time.Duration) time.Duration { return rapid.SampledFrom(d).Draw(t, label) }
	named := sandbox.Dialects()
	s := script{
		Dialect: named[rapid.IntRange(0, len(named)-1).Draw(t, "dialect")].Dialect,
		Lag:     draw("lag", 0, 0, 30*time.Second, 5*time.Minute),
		Latency: draw("latency", 0, 100*time.Millisecond),
		Rounds:  rapid.IntRange(1, 4).Draw(t, "rounds"),
		Unlisted: rapid.SampledFrom([]roster.UnlistedPolicy{
			roster.UnlistedReport, roster.UnlistedSuspend, roster.UnlistedRemove,
		}).Draw(t, "unlisted"),
		Limit:    rapid.SampledFrom([]int{-1, -1, 10}).Draw(t, "limit"),
		ClockOff: draw("clock off", 0, 0, 100*time.Hour, -100*time.Hour),
		People:   many(rapid.IntRange(1, 12).Draw(t, "people")),
	}
	// The dialects that matter most to what is sent are mixed freely.
	s.Dialect.Lapsed = rapid.SampledFrom([]sandbox.Lapsed{sandbox.LapsedPending, sandbox.LapsedMarked, sandbox.LapsedVanish}).Draw(t, "lapsed")
	s.Dialect.Accepted = rapid.SampledFrom([]sandbox.Accepted{sandbox.AcceptedListed, sandbox.AcceptedVanish}).Draw(t, "accepted")
	s.Dialect.Declined = rapid.SampledFrom([]sandbox.Declined{sandbox.DeclinedListed, sandbox.DeclinedVanish}).Draw(t, "declined")
	s.Dialect.ResendID = rapid.SampledFrom([]sandbox.ResendID{sandbox.ResendSameID, sandbox.ResendNewID}).Draw(t, "resend id")
	s.Dialect.ResendLapsed = rapid.SampledFrom([]sandbox.ResendLapsed{sandbox.ResendLapsedSent, sandbox.ResendLapsed400, sandbox.ResendLapsed404}).Draw(t, "resend lapsed")
	s.Dialect.InviteLapsed = rapid.SampledFrom([]sandbox.InviteLapsed{sandbox.InviteLapsedNew, sandbox.InviteLapsedSame}).Draw(t, "invite lapsed")
	s.Dialect.Duplicate = rapid.SampledFrom([]sandbox.Duplicate{
		sandbox.Duplicate400, sandbox.Duplicate409, sandbox.DuplicateSame, sandbox.DuplicateSecond, sandbox.DuplicateReplace,
	}).Draw(t, "duplicate")
	s.Dialect.Expiration = rapid.SampledFrom([]sandbox.Expiration{sandbox.ExpirationTold, sandbox.ExpirationTold, sandbox.ExpirationNull}).Draw(t, "expiration")
	for _, who := range s.People {
		if rapid.IntRange(0, 4).Draw(t, "seeded") == 0 {
			s.Seeds = append(s.Seeds, seed{
				Email: who, As: rapid.SampledFrom([]string{"user", "pending", "expired"}).Draw(t, "as"), Age: draw("age", time.Hour, 60*time.Hour),
			})
		}
	}
	for range rapid.IntRange(1, 5).Draw(t, "episodes") {
		e := episode{
			Wait:        draw("wait", 0, time.Minute, 14*time.Minute, time.Hour, 30*time.Hour, 73*time.Hour),
			Concurrency: rapid.SampledFrom([]int{1, 2, 8}).Draw(t, "concurrency"),
			Rate:        rapid.SampledFrom([]float64{0, 20}).Draw(t, "rate"),
			AtOnce:      rapid.SampledFrom([]int{1, 1, 1, 3}).Draw(t, "at once"),
		}
		for range rapid.IntRange(0, 2).Draw(t, "deeds") {
			e.Deeds = append(e.Deeds, deed{
				Who:  rapid.SampledFrom(s.People).Draw(t, "who"),
				What: rapid.SampledFrom([]string{"accept", "accept elsewhere", "decline", "leave", "out", "in", "by hand", "suspend"}).Draw(t, "what"),
			})
		}
		for range rapid.IntRange(0, 2).Draw(t, "faults") {
			f := rapid.SampledFrom(append(faults(), otherFaults()...)).Draw(t, "fault")
			f.From, f.Every, f.Times = rapid.IntRange(1, 8).Draw(t, "from"), rapid.IntRange(1, 4).Draw(t, "every"), rapid.IntRange(0, 4).Draw(t, "times")
			mailsOnly := f.Kind == sandbox.FaultWrongPerson || f.Kind == sandbox.FaultNoID ||
				f.Kind == sandbox.FaultForbid // two that wait for one list would hold up fake time: sync.Once is a mutex
			if rapid.IntRange(0, 3).Draw(t, "reads too") == 0 && !mailsOnly {
				f.Method, f.Path = "", ""
			}
			if mayActLate(f) {
				f.Late = draw("acts late", 0, 0, time.Second, 30*time.Second, 100*time.Second)
			}
			e.Faults = append(e.Faults, f)
		}
		if rapid.IntRange(0, 2).Draw(t, "mortal") == 0 {
			e.Kill, e.Torn = rapid.IntRange(1, 70).Draw(t, "kill"), rapid.SampledFrom([]int{0, 50, 100}).Draw(t, "torn")
		}
		if rapid.IntRange(0, 5).Draw(t, "stopped") == 0 {
			e.Stop = draw("stop", time.Millisecond, 500*time.Millisecond, 10*time.Second, 40*time.Second)
		}
		if rapid.IntRange(0, 3).Draw(t, "late") == 0 {
			e.Late, e.LateBy = rapid.IntRange(1, 12).Draw(t, "late mail"), draw("late by", 0, time.Second, 10*time.Second, 100*time.Second)
		}
		e.SettleWait = draw("settle wait", leaveToLaterRun, 5*time.Minute, 5*time.Minute, 20*time.Minute)
		if rapid.IntRange(0, 5).Draw(t, "odd clock") == 0 {
			e.WrongClock = rapid.SampledFrom([]string{"/v2/account", "/v2/users", "/v2/invitation", "/v2/organizations", writes}).Draw(t, "wrong clock")
		}
		if e.AtOnce == 1 && rapid.IntRange(0, 5).Draw(t, "anew") == 0 {
			e.Reinvite = []string{rapid.SampledFrom(s.People).Draw(t, "reinvite")}
		}
		e.InviteLeft = rapid.IntRange(0, 5).Draw(t, "invite left") == 0
		if rapid.IntRange(0, 7).Draw(t, "ledger") == 0 {
			e.Ledger = rapid.SampledFrom([]string{"lost", "restored"}).Draw(t, "what of it")
		}
		s.Episodes = append(s.Episodes, e)
	}
	return s
}

// mayActLate reports whether the server may act on a request after f broke the answer to it.
func mayActLate(f sandbox.Fault) bool {
	switch f.Kind {
	case sandbox.FaultThrottle, sandbox.FaultForbid, sandbox.FaultSlow:
		return false
	default:
		return !f.After && f.Status != http.StatusConflict
	}
}

// otherFaults are those that are not lost answers, or not only: a key that is refused for a while, and answers that come late.
func otherFaults() []sandbox.Fault {
	var all []sandbox.Fault
	for _, f := range []sandbox.Fault{
		{Kind: sandbox.FaultForbid},
		{Kind: sandbox.FaultForbid, Status: 401},
		{Kind: sandbox.FaultStatus, Status: 409},
		{Kind: sandbox.FaultStatus, Status: 504},
		{Kind: sandbox.FaultStatus, Status: 504, After: true},
		{Kind: sandbox.FaultSlow, Delay: 5 * time.Second},
		{Kind: sandbox.FaultSlow, Delay: 40 * time.Second},
		{Kind: sandbox.FaultSlow, Delay: 40 * time.Second, After: true},
	} {
		f.Method, f.Path = http.MethodPost, "/v2/invitation*"
		all = append(all, f)
	}
	return all
}
