package report

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/orgsync/orgsync/internal/doctor"
	"github.com/orgsync/orgsync/internal/document"
	"github.com/orgsync/orgsync/internal/org"
)

// DoctorRun has the facts about a run of doctor that are not in its findings.
type DoctorRun struct {
	Run
	// Dialect is the --dialect argument that makes the simulated API behave like this API; "" if it
	// is unknown.
	Dialect string
	// Recorded is the folder with the recorded answers; "" if the answers were not recorded.
	Recorded string
	// Verbose is true if the report also lists everything that doctor could not check.
	Verbose bool
	// Note says why there was no roster to compare with; "" if there was one.
	Note string
}

// DoctorDocument returns a document about c. It names the account and the organization of the key, the
// answer to each request, the behaviour of the API, and what orgsync therefore cannot do. Unless
// d.Verbose is true, it only counts what doctor could not check.
func DoctorDocument(d DoctorRun, c doctor.Checkup) document.Document {
	doc := document.Document{Title: "orgsync doctor", Summary: verdictText(c),
		Blocks: []document.Block{document.Paragraph(keySentences(c))}}
	add := func(title string, blocks ...document.Block) {
		doc.Blocks = append(doc.Blocks, document.Section{Title: title, Blocks: blocks})
	}
	if len(c.Organizations) > 1 {
		shown, more := document.Truncate(c.Organizations, document.MaxShown)
		labels := document.Map(shown, document.OrganizationLabel)
		if more > 0 {
			labels = append(labels, fmt.Sprintf("and %d more", more))
		}
		add(fmt.Sprintf("It lists %d organizations", len(c.Organizations)), document.List(labels))
	}
	if d.Note != "" {
		doc.Blocks = append(doc.Blocks, document.Paragraph{document.MarkMessage(d.Note)})
	}
	unseen := 0
	if !d.Verbose {
		all := len(c.Endpoints) + len(c.Traits)
		c.Endpoints = slices.DeleteFunc(slices.Clone(c.Endpoints),
			func(e doctor.Endpoint) bool { return e.Verdict == org.VerdictUntried })
		c.Traits = slices.DeleteFunc(slices.Clone(c.Traits), func(t doctor.Trait) bool { return len(t.Seen) == 0 })
		unseen = all - len(c.Endpoints) - len(c.Traits)
	}
	if len(c.Endpoints) > 0 {
		add("What the key may read", endpointTable(c.Endpoints))
	}
	if slices.ContainsFunc(c.Traits, func(t doctor.Trait) bool { return len(t.Seen) > 0 }) {
		add("How the API behaves on points that its documentation leaves open", traitTable(c.Traits))
	}
	if unseen > 0 {
		doc.Blocks = append(doc.Blocks, document.Paragraph{
			document.Pluralize(unseen, "thing", "things") + " could not be checked in this organization: --verbose lists them.",
		})
	}
	add("The server", serverList(c))
	if len(c.Limits) > 0 {
		add("What orgsync therefore cannot do", document.List(document.Map(c.Limits, limitText)))
	}
	if d.Dialect != "" {
		add("To try orgsync against a simulated API that behaves like this",
			document.Command("orgsync sandbox serve --dialect "+d.Dialect))
	}
	if d.Recorded != "" {
		doc.Blocks = append(doc.Blocks, document.Paragraph{fmt.Sprintf(
			"The answers are recorded in %s, with all personal data replaced; see README.txt there.",
			document.MarkName(d.Recorded))})
	}
	return doc
}

// verdictText returns one or two sentences about the result of c.
func verdictText(c doctor.Checkup) string {
	if c.PlanError != nil {
		return "With this key, orgsync cannot plan anything."
	}
	can := "The key can read everything that a plan needs."
	if len(c.Limits) > 0 {
		can = "orgsync can plan with this key, but there are limits: see \"What orgsync therefore cannot do\"."
	}
	return can + " This check changed nothing, so it cannot show whether the key is allowed to invite people."
}

// keySentences returns sentences about the key: whether it works, its account and its organization.
func keySentences(c doctor.Checkup) []string {
	var lines []string
	switch c.Key {
	case org.VerdictAllowed:
		lines = append(lines, "The key works.")
	case org.VerdictBadKey:
		lines = append(lines, "The key does not work: the API rejects it.")
	default:
		lines = append(lines, "It is unknown whether the key works: no request got a usable answer.")
	}
	if !c.Self.IsZero() {
		lines = append(lines, "It belongs to the account of "+document.MarkName(c.Self.String())+".")
	}
	switch {
	case c.Organization != (org.Organization{}):
		lines = append(lines, "It acts on the organization "+document.OrganizationLabel(c.Organization)+".")
	case c.Key == org.VerdictAllowed:
		lines = append(lines, "It is unknown which organization it acts on.")
	}
	return lines
}

var verdictColors = map[org.Verdict]document.Color{
	org.VerdictAllowed: document.Green, org.VerdictForbidden: document.Yellow, org.VerdictMissing: document.Yellow,
	org.VerdictBadKey: document.Red,
	org.VerdictFailed: document.Red, org.VerdictUntried: document.Faint,
}

func endpointTable(endpoints []doctor.Endpoint) document.Table {
	t := document.Table{Columns: []document.Column{
		{Head: "what"}, {Head: "verdict"}, {Head: "slowest"}, {Head: "answer", Prose: true}, {Head: "request", Drop: 1},
	}}
	for _, e := range endpoints {
		latency := ""
		switch {
		case e.Latency >= time.Millisecond:
			latency = e.Latency.Round(time.Millisecond).String()
		case e.Latency > 0:
			latency = "<1ms"
		}
		t.Rows = append(t.Rows, document.Row{Cells: []document.Cell{
			{Text: e.Name}, {Text: string(e.Verdict), Color: verdictColors[e.Verdict]}, {Text: latency}, {Text: answerText(e)},
			{Text: document.MarkMessage("GET " + e.Path), Color: document.Faint},
		}})
	}
	return t
}

// answerText returns a text about the answer of the API for e, without the verdict.
func answerText(e doctor.Endpoint) string {
	said := document.MarkMessage(e.Message)
	if e.Status >= 300 {
		said = strings.TrimSuffix(fmt.Sprintf("HTTP %d: %s", e.Status, said), ": ")
	}
	switch e.Verdict {
	case org.VerdictAllowed:
		return document.Pluralize(e.Rows, "item", "items") + " on " + document.Pluralize(max(1, e.Pages), "page", "pages")
	case org.VerdictForbidden:
		needs := "an administrator's key"
		if e.Permission != "" {
			needs = "the permission " + document.MarkName(e.Permission)
		}
		return "this request probably needs " + needs + "; " + said
	case org.VerdictUntried:
		return "there was nothing to read"
	default:
		return said
	}
}

func traitTable(traits []doctor.Trait) document.Table {
	t := document.Table{Columns: []document.Column{{Head: "axis"}, {Head: "seen"}, {Head: "about", Prose: true}}}
	for _, one := range traits {
		seen := document.Cell{Text: document.MarkMessage(strings.Join(one.Seen, ", "))}
		if len(one.Seen) == 0 {
			seen = document.Cell{Text: "not seen", Color: document.Faint}
		}
		t.Rows = append(t.Rows, document.Row{Cells: []document.Cell{{Text: one.Axis}, seen,
			{Text: one.About, Color: document.Faint}}})
	}
	return t
}

// serverList returns facts about the server from the headers of its answers: its clock and its rate
// limit.
func serverList(c doctor.Checkup) document.List {
	clock := "no answer had a date that orgsync can use: orgsync uses the clock of this machine"
	if c.ClockAhead != nil {
		const precision = 2 * time.Second // a Date header has whole seconds, and the answer takes time to arrive
		side := "ahead of"
		if *c.ClockAhead < 0 {
			side = "behind"
		}
		switch ahead := *c.ClockAhead; {
		case ahead.Abs() < precision:
			clock = "its clock agrees with the clock of this machine"
		case ahead.Abs() < time.Minute:
			clock = fmt.Sprintf("its clock is %d seconds %s the clock of this machine", int(ahead.Abs().Seconds()), side)
		default:
			clock = fmt.Sprintf("its clock is %s %s the clock of this machine; orgsync uses the server's",
				formatDuration(ahead.Abs()), side)
		}
	}
	lines := document.List{clock}
	if len(c.RateHeaders) == 0 {
		lines = append(lines, "no rate limit headers were seen")
	}
	for _, name := range slices.Sorted(maps.Keys(c.RateHeaders)) {
		lines = append(lines, document.MarkMessage(name+": "+c.RateHeaders[name]))
	}
	if c.Throttled > 0 {
		lines = append(lines, document.Pluralize(c.Throttled, "answer was", "answers were")+" 429: too many requests")
	}
	return lines
}

// limitText returns l as a sentence.
func limitText(l doctor.Limit) string {
	// The detail may name organizations.
	detail := document.MarkWithin(l.Detail, 2*document.MessageWidth)
	many := "" // the plural of the kind of access that l is about, if any
	if kind := org.Kind(l.Detail); slices.Contains(org.Kinds, kind) {
		many = kind.Plural()
	}
	switch l.Kind {
	case doctor.LimitKeyRefused:
		return "the key does not work: nothing can be read or sent"
	case doctor.LimitIntercepted:
		return fmt.Sprintf("the answers come from something other than the API (%s): a captive portal, a proxy, "+
			"or the server of a wrong --api-url", detail)
	case doctor.LimitInvitationsUnseen:
		return "invitations cannot be listed: nothing can be planned"
	case doctor.LimitOrganization:
		return "it is unknown which organization the key acts on, so nothing can be planned: " + detail
	case doctor.LimitPinUnconfirmed:
		return "no answer names the organization of the roster: nobody is suspended or removed, and no access is taken away"
	case doctor.LimitListFailed:
		return fmt.Sprintf("%s cannot be read, and the reason is not a missing permission: "+
			"nothing can be planned until this reading works", detail)
	case doctor.LimitUsersUnseen:
		return "users cannot be listed: everyone who accepted an invitation counts as a member; orgsync cannot manage " +
			"access, and cannot suspend or remove anybody"
	case doctor.LimitAcceptanceUnseen:
		return "no accepted invitation is listed: people who accepted may look like people who never answered"
	case doctor.LimitSuspendedUnseen:
		return "suspended users cannot be listed: a suspended user may look like someone who left"
	case doctor.LimitSelfUnseen:
		return "the key's own user is unknown: nobody is suspended or removed, and no access is taken away"
	case doctor.LimitAccessUnseen:
		return fmt.Sprintf("%s cannot be listed: orgsync cannot plan a roster that names %s", many, many)
	case doctor.LimitHoldersUnseen:
		return fmt.Sprintf("the members of %s cannot be listed: orgsync cannot plan a roster that names %s", many, many)
	case doctor.LimitDatesUnseen:
		return "invitations have no dates: only the ledger knows when they expire"
	case doctor.LimitExpirationUnseen:
		return "invitations do not say when they expire: orgsync assumes three days after they were created"
	case doctor.LimitStatusNotUnderstood:
		return fmt.Sprintf("orgsync does not understand the status of some invitations (%s), and leaves them alone", detail)
	case doctor.LimitClockUnseen:
		return "answers have no date that orgsync can use: the clock of this machine decides whether an invitation " +
			"has expired"
	}
	return strings.TrimSuffix(strings.ReplaceAll(string(l.Kind), "_", " ")+": "+detail, ": ")
}
