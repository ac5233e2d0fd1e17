package report

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/orgsync/orgsync/internal/org"
)

// Doctor holds what a report says about a check-up beyond its findings.
type Doctor struct {
	Run
	// Dialect is the argument that makes the simulated API behave like this one; "" when it is
	// unknown.
	Dialect string
	// Recorded is the folder that the answers were recorded in; "" when they were not recorded.
	Recorded string
	// Note says why there was no roster to compare with; "" when there was one.
	Note string
}

// DoctorText writes c for a person to read: which account and organization the key belongs to, the
// answer to each request, how the API behaves, and what orgsync therefore cannot do. The error is
// w's.
func DoctorText(w io.Writer, d Doctor, c org.Checkup, width int, colored bool) error {
	out := newPrinter(w, width, colored)
	for _, line := range keyLines(c, Clean) {
		out.paragraph(line)
	}
	if len(c.Organizations) > 1 {
		out.paragraph(organizationCount(c))
		for _, o := range c.Organizations {
			out.paragraph("  " + organizationLabel(o, Clean))
		}
	}
	if d.Note != "" {
		out.paragraph(Clean(d.Note, messageWidth))
	}
	out.line("")
	out.paragraph(headEndpoints + ":")
	out.section(endpointRows(c.Endpoints, Clean), 3)
	if anySeen(c) {
		out.paragraph(headDialect + ":")
		out.section(traitRows(c.Traits, Clean), 2)
	}
	out.paragraph(headServer + ":")
	for _, line := range serverLines(c, Clean) {
		out.wrapped("  ", line)
	}
	out.line("")
	if len(c.Limits) > 0 {
		out.paragraph(headLimits + ":")
		for _, l := range c.Limits {
			out.wrapped("  ", "- "+limitText(l, Clean))
		}
		out.line("")
	}
	if d.Dialect != "" {
		out.paragraph(headSandbox + ":")
		out.line("  " + d.sandboxCommand())
		out.line("")
	}
	if d.Recorded != "" {
		out.paragraph(d.recordingNote(Clean))
	}
	out.paragraph(verdictText(c))
	return out.flush()
}

// The headings of a check-up.
const (
	headEndpoints = "What the key may read"
	headDialect   = "How the API behaves where its documentation leaves it open"
	headServer    = "The server"
	headLimits    = "What orgsync therefore cannot do"
	headSandbox   = "To try orgsync against a simulated API that behaves like this"
)

// anySeen reports whether the check-up found out anything about how the API behaves.
func anySeen(c org.Checkup) bool {
	return slices.ContainsFunc(c.Traits, func(t org.Trait) bool { return len(t.Seen) > 0 })
}

func (d Doctor) sandboxCommand() string { return "orgsync sandbox serve --dialect " + d.Dialect }

func (d Doctor) recordingNote(escape escaper) string {
	return fmt.Sprintf("The answers are recorded in %s, with all personal data replaced; see README.txt there.",
		escape(d.Recorded, addressWidth))
}

// verdictText returns the result of a check-up in one or two sentences.
func verdictText(c org.Checkup) string {
	if c.Unable != nil {
		return "With this key, orgsync cannot plan anything."
	}
	return "The key can read everything that a plan needs. A check-up sends nothing, " +
		"so it cannot tell whether the key may invite people."
}

// keyLines returns sentences on whether the key works, and on its account and organization.
func keyLines(c org.Checkup, escape escaper) []string {
	var lines []string
	switch c.Key {
	case org.VerdictAllowed:
		lines = append(lines, "The key works.")
	case org.VerdictRefused:
		lines = append(lines, "The key does not work: the API rejects it.")
	default:
		lines = append(lines, "It is unknown whether the key works: no request got a usable answer.")
	}
	if !c.Self.IsZero() {
		lines = append(lines, "It belongs to the account of "+escape(c.Self.String(), addressWidth)+".")
	}
	switch {
	case c.Organization != (org.Organization{}):
		lines = append(lines, "It acts on the organization "+organizationLabel(c.Organization, escape)+".")
	case c.Key == org.VerdictAllowed:
		lines = append(lines, "It is unknown which organization it acts on.")
	}
	return lines
}

func organizationCount(c org.Checkup) string {
	return fmt.Sprintf("It lists %d organizations:", len(c.Organizations))
}

// organizationLabel returns the name and id of o; "" when it has neither.
func organizationLabel(o org.Organization, escape escaper) string {
	return strings.TrimSpace(escape(o.Name, addressWidth) + parenthesize(escape(o.ID, addressWidth)))
}

var verdictColors = map[org.Verdict]color{
	org.VerdictAllowed: green, org.VerdictForbidden: yellow, org.VerdictMissing: yellow, org.VerdictRefused: red,
	org.VerdictFailed: red, org.VerdictUntried: faint,
}

func endpointRows(endpoints []org.Endpoint, escape escaper) [][]cell {
	var rows [][]cell
	for _, e := range endpoints {
		latency := ""
		switch {
		case e.Latency >= time.Millisecond:
			latency = e.Latency.Round(time.Millisecond).String()
		case e.Latency > 0:
			latency = "<1ms"
		}
		rows = append(rows, []cell{
			{text: e.Name}, {string(e.Verdict), verdictColors[e.Verdict]}, {text: latency}, {text: answerText(e, escape)},
			{escape("GET "+e.Path, messageWidth), faint},
		})
	}
	return rows
}

// answerText returns what the server answered about e, beyond the verdict.
func answerText(e org.Endpoint, escape escaper) string {
	said := escape(e.Message, messageWidth)
	if e.Status >= 300 {
		said = strings.TrimSuffix(fmt.Sprintf("HTTP %d: %s", e.Status, said), ": ")
	}
	switch e.Verdict {
	case org.VerdictAllowed:
		return pluralize(e.Rows, "item", "items") + " on " + pluralize(max(1, e.Pages), "page", "pages")
	case org.VerdictForbidden:
		return "it probably needs " + cmp.Or(escape(e.Permission, addressWidth), "an administrator's key") + "; " + said
	case org.VerdictUntried:
		return "there was nothing to read"
	default:
		return said
	}
}

func traitRows(traits []org.Trait, escape escaper) [][]cell {
	var rows [][]cell
	for _, t := range traits {
		seen := cell{text: escape(strings.Join(t.Seen, ", "), messageWidth)}
		if len(t.Seen) == 0 {
			seen = cell{"not seen", faint}
		}
		rows = append(rows, []cell{{text: t.Axis}, seen, {t.About, faint}})
	}
	return rows
}

// serverLines returns what the headers of the answers say about the server: its clock and its rate
// limit.
func serverLines(c org.Checkup, escape escaper) []string {
	clock := "no answer had a date: orgsync uses the clock of this machine"
	if c.Ahead != nil {
		const precision = 2 * time.Second // a date has whole seconds, and the answer took time to arrive
		switch ahead := *c.Ahead; {
		case ahead.Abs() < precision:
			clock = "its clock agrees with the clock of this machine"
		case ahead < time.Minute && ahead > -time.Minute:
			clock = fmt.Sprintf("its clock is %d seconds %s the clock of this machine", int(ahead.Abs().Seconds()),
				aheadOrBehind(ahead))
		default:
			clock = fmt.Sprintf("its clock is %s %s the clock of this machine; orgsync uses the server's",
				formatDuration(ahead.Abs()), aheadOrBehind(ahead))
		}
	}
	lines := []string{clock}
	if len(c.RateHeaders) == 0 {
		lines = append(lines, "no rate limit headers were seen")
	}
	for _, name := range slices.Sorted(maps.Keys(c.RateHeaders)) {
		lines = append(lines, escape(name+": "+c.RateHeaders[name], messageWidth))
	}
	if c.Throttled > 0 {
		lines = append(lines, pluralize(c.Throttled, "answer was", "answers were")+" 429: too many requests")
	}
	return lines
}

func aheadOrBehind(ahead time.Duration) string {
	if ahead < 0 {
		return "behind"
	}
	return "ahead of"
}

// limitText returns l as a sentence.
func limitText(l org.Limit, escape escaper) string {
	detail := escape(l.Detail, 2*messageWidth) // may name organizations
	many := map[org.Kind]string{org.KindGroup: "groups", org.KindRole: "roles",
		org.KindPolicy: "policies"}[org.Kind(l.Detail)]
	switch l.Kind {
	case org.LimitKeyRefused:
		return "the key does not work: nothing can be read or sent"
	case org.LimitIntercepted:
		return fmt.Sprintf("something other than the API answers (%s): a captive portal, a proxy, "+
			"or the server of a wrong --api-url", detail)
	case org.LimitInvitationsUnseen:
		return "invitations cannot be listed: nothing can be planned"
	case org.LimitOrganization:
		return "it is unknown which organization the key acts on, so nothing can be planned: " + detail
	case org.LimitListFailed:
		return fmt.Sprintf("%s cannot be read, and not because of a missing permission: "+
			"nothing can be planned until this works", detail)
	case org.LimitUsersUnseen:
		return "users cannot be listed: orgsync goes by invitations alone, cannot manage access, " +
			"and cannot suspend or remove anybody"
	case org.LimitAcceptanceUnseen:
		return "accepted invitations are not listed either: people who accepted may look like people who never answered"
	case org.LimitSuspendedUnseen:
		return "suspended users cannot be listed: a suspended user may look like someone who left"
	case org.LimitSelfUnseen:
		return "the key's own user is unknown: nobody is suspended or removed, and no access is taken away"
	case org.LimitAccessUnseen:
		return fmt.Sprintf("%s cannot be listed: orgsync cannot plan a roster that names %s", many, many)
	case org.LimitHoldersUnseen:
		return fmt.Sprintf("the members of %s cannot be listed: orgsync cannot plan a roster that names %s", many, many)
	case org.LimitDatesUnseen:
		return "invitations have no dates: only the ledger knows when they expire"
	case org.LimitExpirationUnseen:
		return "invitations do not say when they expire: orgsync assumes three days after they were created"
	case org.LimitStatusNotUnderstood:
		return fmt.Sprintf("orgsync does not understand the status of some invitations (%s), and leaves them alone", detail)
	case org.LimitClockUnseen:
		return "answers have no date: orgsync uses the clock of this machine to decide whether an invitation has expired"
	}
	return strings.TrimSuffix(strings.ReplaceAll(string(l.Kind), "_", " ")+": "+detail, ": ")
}
