package report

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/orgsync/orgsync/internal/apply"
	"github.com/orgsync/orgsync/internal/document"
	"github.com/orgsync/orgsync/internal/org"
	"github.com/orgsync/orgsync/internal/plan"
)

// onlyAda returns a plan with --only for Ada. It invites Ada, and has some changes to other people.
func onlyAda(others int) plan.Plan {
	ada := org.MustParseAddress("ada@example.com")
	p := plan.Plan{
		Only:    []org.Address{ada},
		Changes: []plan.Change{{Action: plan.Invite, Reason: plan.NotInvited, Email: ada, Source: "users.yaml:2"}},
	}
	for i := range others {
		who := org.MustParseAddress(fmt.Sprintf("p%d@example.com", i))
		p.NotSelected = append(p.NotSelected, plan.Change{Action: plan.Invite, Reason: plan.NotInvited, Email: who})
		p.Notices = append(p.Notices, plan.Notice{Kind: plan.GaveUp, Email: who, Mails: 4, NotSelected: true})
	}
	return p
}

// TestNotSelected checks that one line counts and names what --only leaves out, and that only JSON has its notices.
func TestNotSelected(t *testing.T) {
	t.Parallel()
	for others, want := range map[int]string{
		0: "",
		1: "Not selected: 1 change, for p0@example.com.",
		7: "Not selected: 7 changes, for p0@example.com, p1@example.com, p2@example.com, p3@example.com, p4@example.com " +
			"and 2 more.",
		12: "Not selected: 12 changes, for p0@example.com, p1@example.com, p2@example.com, p3@example.com, p4@example.com " +
			"and 7 more.",
	} {
		p := onlyAda(others)
		// As in a plan: byte by byte, so that p10 is before p2.
		slices.SortFunc(p.NotSelected, func(a, b plan.Change) int { return strings.Compare(a.Email.Key(), b.Email.Key()) })
		var text, markdown, asJSON bytes.Buffer
		for _, err := range []error{
			document.WriteText(&text, PlanDocument(p), 0, false), document.WriteMarkdown(&markdown, PlanDocument(p)),
			PlanJSON(&asJSON, Run{Command: "plan", TeamsOf: teamsOf(p)}, p),
		} {
			if err != nil {
				t.Fatal(err)
			}
		}
		if want != "" && !strings.Contains(text.String(), want) || strings.Contains(text.String(), "never answered") {
			t.Errorf("%s", &text)
		}
		if strings.Contains(markdown.String(), "Not selected: ") != (want != "") || strings.Contains(markdown.String(),
			"never answered") {
			t.Errorf("%s", &markdown)
		}
		if n := strings.Count(asJSON.String(), `"not_selected": true`); n != others || !strings.Contains(asJSON.String(),
			`"only": [`) {
			t.Errorf("%s", &asJSON)
		}
		if n := strings.Count(asJSON.String(), `"action": "invite"`); n != 1+others {
			t.Errorf("%d changes: %s", n, &asJSON)
		}
		if n := strings.Count(asJSON.String(), `"teams": [`); n != 1+others {
			t.Errorf("%d changes with teams: %s", n, &asJSON)
		}
	}
	p := onlyAda(3)
	p.Changes = nil
	var out bytes.Buffer
	if err := document.WriteMarkdown(&out, PlanDocument(p)); err != nil || out.Len() > 0 {
		t.Errorf("a comment though nothing that is selected needs anybody: %v\n%s", err, &out)
	}
}

// TestReasonsOfReinvite checks that a person that --reinvite names does not count as never invited: they may have
// declined an earlier invitation.
func TestReasonsOfReinvite(t *testing.T) {
	t.Parallel()
	ada, bob := org.MustParseAddress("ada@example.com"), org.MustParseAddress("bob@example.com")
	api := true
	p := plan.Plan{Reinvite: []org.Address{ada}, Changes: []plan.Change{
		{Action: plan.Invite, Reason: plan.NotInvited, Email: ada, Detail: plan.Detail{APIEnabled: &api}},
		{Action: plan.Invite, Reason: plan.NotInvited, Email: bob},
	}}
	r := apply.Result{Changes: []apply.ChangeResult{
		{Change: p.Changes[0], Outcome: apply.Done}, {Change: p.Changes[1], Outcome: apply.Done},
	}}
	stopped := apply.Result{Stopped: errors.New("stopped"), Changes: []apply.ChangeResult{
		{Change: p.Changes[0], Outcome: apply.Skipped}, {Change: p.Changes[1], Outcome: apply.Done},
	}}
	for _, tt := range []struct {
		document document.Document
		want     string
	}{
		{PlanDocument(p), "ada@example.com requested with --reinvite, with API access|bob@example.com not invited yet"},
		{ApplyDocument(p, r),
			"ada@example.com requested with --reinvite, with API access|bob@example.com was not invited before"},
		{ApplyDocument(p, stopped),
			"ada@example.com skipped this change was planned because: requested with --reinvite, with API access"},
	} {
		var out bytes.Buffer
		if err := document.WriteText(&out, tt.document, 0, false); err != nil {
			t.Fatal(err)
		}
		for want := range strings.SplitSeq(tt.want, "|") {
			if !strings.Contains(strings.Join(strings.Fields(out.String()), " "), want) {
				t.Errorf("not %q:\n%s", want, &out)
			}
		}
	}
}

// TestNamedNotices are the sentences about people that a flag or a day of the roster names.
func TestNamedNotices(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 6, 10, 12, 0, 0, 0, time.UTC)
	for _, tt := range []struct {
		notice plan.Notice
		want   string
	}{
		{plan.Notice{Kind: plan.NotMailed, Text: plan.NotMailedMember}, "ada@example.com gets no mail: they are a member " +
			"already"},
		{plan.Notice{Kind: plan.NotMailed, Text: plan.NotMailedEnded},
			"ada@example.com gets no mail: their last day has passed"},
		{plan.Notice{Kind: plan.NotMailed, Text: plan.NotMailedPending, Expires: now.Add(25 * time.Hour)},
			"ada@example.com gets no mail: they can still accept their invitation until 2026-06-11 13:00 UTC (1 day 1 hour); " +
				"to send it again now: --resend ada@example.com"},
		{plan.Notice{Kind: plan.NotMailed, Text: plan.NotMailedPending, Expires: now.Add(time.Hour), ExpiresEstimated: true},
			"ada@example.com gets no mail: they can still accept their invitation until about 2026-06-10 13:00 UTC (1 hour); " +
				"to send it again now: --resend ada@example.com"},
		{plan.Notice{Kind: plan.NotMailed, Text: plan.NotMailedPending},
			"ada@example.com gets no mail: they can still accept their invitation; to send it again now: --resend " +
				"ada@example.com"},
		{plan.Notice{Kind: plan.NotMailed, Text: plan.NotMailedRecently, Since: now},
			"ada@example.com gets no mail: their last mail was sent at 2026-06-10 12:00 UTC; the next one can be sent 15 " +
				"minutes after that"},
		{plan.Notice{Kind: plan.NotMailed, Text: plan.NotMailedUnsettled, Since: now},
			"ada@example.com gets no mail: a mail may have been sent at 2026-06-10 12:00 UTC, but the API's answer was lost; " +
				"try again 15 minutes after that mail"},
		{plan.Notice{Kind: plan.NotMailed, Text: plan.NotMailedNotListed},
			"ada@example.com gets no mail: their invitation is not listed, so it cannot be sent again; if they did not accept " +
				"it, a new one is sent when it has expired"},
		{plan.Notice{Kind: plan.NotMailed, Text: plan.NotMailedOtherAddress},
			"ada@example.com gets no mail: their invitation was sent to another of their addresses; a new one is sent when it " +
				"has expired"},
		{plan.Notice{Kind: plan.NotMailed, Text: plan.NotMailedJoined},
			"ada@example.com gets no mail: they joined after their last mail, and the key cannot see whether they are still a " +
				"member; if they are not, use --reinvite ada@example.com too"},
		{plan.Notice{Kind: plan.NotYet, Text: "2027-01-04"}, "ada@example.com is not invited before 2027-01-04, their " +
			"first day"},
		{plan.Notice{Kind: plan.NotYet, UserID: "u1", Text: "2027-01-04"}, "ada@example.com stays suspended until " +
			"2027-01-04, their first day"},
		{plan.Notice{Kind: plan.EndsSoon, Text: "2026-06-12"},
			"the last day of ada@example.com is 2026-06-12: from the next day on they count as not in the roster"},
		{plan.Notice{Kind: plan.Unlisted, InvitationID: "inv-ada", Since: now},
			"ada@example.com has an invitation (inv-ada), but their last day has passed: the API cannot cancel it; after they " +
				"accept, apply removes them only with 'unlisted: remove' in the roster"},
		{plan.Notice{Kind: plan.SameName, Text: "a.da@example.com"},
			"ada@example.com may be the same person as a.da@example.com, who is not in the roster: if so, their entry " +
				"in users needs this line: aliases: [a.da@example.com]"},
	} {
		tt.notice.Email = org.MustParseAddress("ada@example.com")
		if d := cmp.Diff(tt.want, document.Plain(fillIn(wordsOf(tt.notice).one, tt.notice, now))); d != "" {
			t.Errorf("%s %s (-want +got):\n%s", tt.notice.Kind, tt.notice.Text, d)
		}
	}
}

// teamsOf puts everybody who has a change in p into a team.
func teamsOf(p plan.Plan) map[string][]string {
	teams := map[string][]string{}
	for _, c := range slices.Concat(p.Changes, p.NotSelected) {
		teams[c.Email.Key()] = []string{"ops"}
	}
	return teams
}
