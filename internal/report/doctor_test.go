package report

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/orgsync/orgsync/internal/doctor"
	"github.com/orgsync/orgsync/internal/document"
	"github.com/orgsync/orgsync/internal/org"
)

// examined is a result of doctor with every kind of finding.
func examined() doctor.Checkup {
	ahead := 3*24*time.Hour + time.Hour + 400*time.Millisecond
	c := doctor.Checkup{
		At: now, Key: org.VerdictAllowed, Organization: acme, Self: address("owner@example.com"), ClockAhead: &ahead,
		Throttled:     1,
		Organizations: []org.Organization{acme, {ID: "o-2", Name: "Other\x1b[31m Org"}},
		Endpoints: []doctor.Endpoint{
			{Name: "organizations", Path: "/v2/organizations", Verdict: org.VerdictAllowed, Status: 200, Requests: 1, Pages: 1,
				Rows: 2, Latency: 12400 * time.Microsecond},
			{Name: "invitations", Path: "/v2/invitation", Verdict: org.VerdictAllowed, Status: 200, Requests: 3, Pages: 2,
				Rows: 619, Latency: 1240 * time.Millisecond},
			{Name: "one invitation", Path: "/v2/invitation/{id}", Verdict: org.VerdictUntried},
			{Name: "users", Path: "/v2/users", Verdict: org.VerdictForbidden, Status: 403, Message: "The key may not\x1b[2J " +
				"do this", Requests: 1, Latency: 40 * time.Microsecond},
			{Name: "suspended users", Path: "/v2/organizations/{id}/suspended-users", Verdict: org.VerdictMissing, Status: 404,
				Requests: 1, Latency: time.Millisecond},
			{Name: "groups", Path: "/v2/groups", Verdict: org.VerdictForbidden, Permission: "iam.group.List", Status: 403,
				Message: "No", Requests: 1, Latency: time.Millisecond},
			{Name: "roles", Path: "/v2/roles", Verdict: org.VerdictFailed, Status: 200, Message: "an HTML page (Sign in) " +
				"instead of JSON", Requests: 4, Latency: time.Millisecond},
			{Name: "policies", Path: "/v2/policies", Verdict: org.VerdictBadKey, Status: 401, Message: "Invalid API token",
				Requests: 1, Latency: time.Millisecond},
		},
		Traits: []doctor.Trait{
			{Axis: "envelope", About: "an answer about one object"},
			{Axis: "dates", About: "dates", Seen: []string{"sql"}},
			{Axis: "status-words", About: "all words of invite_status", Seen: []string{"Lapsed\u202e", "Pending"}},
		},
		RateHeaders: map[string]string{"X-Ratelimit-Remaining": "29", "Retry-After": "7\x1b[2J"},
	}
	for _, kind := range []doctor.LimitKind{
		doctor.LimitKeyRefused, doctor.LimitIntercepted, doctor.LimitInvitationsUnseen, doctor.LimitOrganization,
		doctor.LimitPinUnconfirmed, doctor.LimitListFailed, doctor.LimitUsersUnseen,
		doctor.LimitAcceptanceUnseen, doctor.LimitSuspendedUnseen, doctor.LimitSelfUnseen, doctor.LimitDatesUnseen,
		doctor.LimitExpirationUnseen,
		doctor.LimitStatusNotUnderstood, doctor.LimitClockUnseen, "limit_of_tomorrow",
	} {
		c.Limits = append(c.Limits, doctor.Limit{Kind: kind, Detail: "detail\x1b[31m"})
	}
	for _, kind := range org.Kinds {
		c.Limits = append(c.Limits, doctor.Limit{Kind: doctor.LimitAccessUnseen, Detail: string(kind)},
			doctor.Limit{Kind: doctor.LimitHoldersUnseen, Detail: string(kind)})
	}
	return c
}

// rejected is the result of doctor for a key that does not work.
func rejected() (DoctorRun, doctor.Checkup) {
	unable := &org.CallError{Op: "list invitations", Failure: org.Denied, Status: 401, Message: "Invalid API token"}
	d := DoctorRun{Run: Run{Command: "doctor",
		Code: 1, Err: errors.New("nothing can be planned with this key")}, Note: "There is no roster."}
	return d, doctor.Checkup{
		At: now, Key: org.VerdictBadKey, PlanError: unable, ClockAhead: new(-5 * time.Second),
		Endpoints: []doctor.Endpoint{{Name: "invitations", Path: "/v2/invitation", Verdict: org.VerdictBadKey, Status: 401,
			Message: "Invalid API token", Requests: 1, Latency: time.Millisecond}},
		Limits: []doctor.Limit{{Kind: doctor.LimitKeyRefused}, {Kind: doctor.LimitInvitationsUnseen}},
	}
}

// Every kind of limit has its own sentence.
func TestLimitations(t *testing.T) {
	t.Parallel()
	sentences := map[string]bool{}
	for _, l := range examined().Limits {
		sentence := document.Plain(limitText(l))
		if sentences[sentence] {
			t.Errorf("two limits read %q", sentence)
		}
		sentences[sentence] = true
		words := strings.ReplaceAll(string(l.Kind), "_", " ")
		if strings.HasPrefix(sentence, words) && l.Kind != "limit_of_tomorrow" ||
			strings.ContainsFunc(sentence, unicode.IsControl) {
			t.Errorf("%s reads %q", l.Kind, sentence)
		}
	}
}

func TestServer(t *testing.T) {
	t.Parallel()
	for ahead, want := range map[time.Duration]string{
		0:                        "its clock agrees with the clock of this machine",
		-1900 * time.Millisecond: "its clock agrees with the clock of this machine",
		2 * time.Second:          "its clock is 2 seconds ahead of the clock of this machine",
		-59 * time.Second:        "its clock is 59 seconds behind the clock of this machine",
		-2 * time.Hour:           "its clock is 2 hours behind the clock of this machine; orgsync uses the server's",
	} {
		if got := serverList(doctor.Checkup{ClockAhead: &ahead}); got[0] != want {
			t.Errorf("%v reads %q, want %q", ahead, got[0], want)
		}
	}
	got := serverList(doctor.Checkup{})
	if want := []string{"no answer had a date that orgsync can use: orgsync uses the clock of this machine",
		"no rate limit headers were seen"}; !slices.Equal(got, want) {
		t.Errorf("nothing seen reads %q, want %q", got, want)
	}
}
