package vultr

import (
	"bytes"
	"cmp"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/orgsync/orgsync/internal/lazyregexp"
)

// date returns the time under name, in UTC; zero if there is none. understood is false if there is
// a date in an unknown form. The caller must not treat such a date as absent: an invitation without
// an expiration date is assumed to have the documented lifetime.
//
// The examples in SPEC have RFC 3339 and "2024-01-25 09:41:05"; the other forms are common in web
// APIs.
func (f fields) date(name string) (t time.Time, understood bool) {
	text := f.text(name)
	switch {
	case text == "":
		return f.dateObject(name)
	case text == "false" || isZeroDate(text):
		return time.Time{}, true
	}
	t, understood = ParseDate(text)
	if !understood {
		t, understood = parseUnix(text)
	}
	return dateIfReal(t, understood)
}

// firstYear is the first year of a date, as in parseUnix.
const firstYear = 1973

// dateIfReal returns t, or the zero time if t means that there is no date. The arguments are the results of ParseDate
// or parseUnix. A program may also write 0 in a local zone, as in 1969-12-31 19:00:00, or begin its calendar in 1753 or
// 1900. Such a date is not understood: it is no date of an invitation, but that it means no date is a guess.
func dateIfReal(t time.Time, understood bool) (time.Time, bool) {
	switch {
	case t.Unix() == 0 || t.IsZero():
		return time.Time{}, understood
	case t.Year() < firstYear:
		return time.Time{}, false
	}
	return t, understood
}

// dateObject is date for a value that is not a text. Such a value is absent, null, an empty object
// or list, or a DateTime as PHP's json_encode writes it:
//
//	{"date":"2026-06-01 10:00:00.000000","timezone_type":3,"timezone":"UTC"}
func (f fields) dateObject(name string) (t time.Time, understood bool) {
	switch raw := f[name]; kindOf(raw) {
	case "object":
		o := f.object(name)
		if o != nil && len(o) == 0 {
			return time.Time{}, true
		}
		if o.text("date") == "" || o.text("timezone") == "" {
			return time.Time{}, false
		}
		return dateIfReal(ParseDate(o.text("date") + " " + o.text("timezone")))
	case "list":
		return time.Time{}, len(bytes.TrimSpace(raw[1:len(raw)-1])) == 0 // PHP's empty object
	}
	return time.Time{}, true
}

// isZeroDate reports whether text means that a date is not set: a date of zeros (SQL), or
// -0001-11-30, which PHP makes of it.
func isZeroDate(text string) bool {
	return strings.Trim(text, "0-:+.tTzZ ") == "" || strings.HasPrefix(text, "-0001-11-30")
}

// isoDate matches a date with a time of day as ISO 8601 and databases write it. The groups are the
// day, the time, the seconds, the name of the zone, and the hours and minutes of its offset.
var isoDate = lazyregexp.New(`^(\d{4}[-/]\d{2}[-/]\d{2})[Tt ](\d{2}:\d{2})(:\d{2}(?:[.,]\d{1,9})?)?` +
	` ?(?i:(z|utc|gmt)|([+-]\d{2}):?(\d{2})?)?$`)

// namedDates are layouts with the names of days and months: those of HTTP (RFC 9110, 5.6.7), and
// those of the C function ctime and the program date.
var namedDates = []string{
	"Mon, 2 Jan 2006 15:04:05 -0700", "Mon, 2 Jan 2006 15:04:05 MST", time.RFC850, time.ANSIC, time.UnixDate,
}

// ParseDate returns a date with a time of day, in UTC, and reports whether text is one. A date
// without a zone counts as UTC. ParseDate does not accept a zone with a name other than UTC and GMT,
// or a day without a time, because the result could be a day off.
func ParseDate(text string) (time.Time, bool) {
	// Nearly all dates have one of these layouts. time.Parse accepts fractions of a second in both.
	for _, layout := range []string{time.RFC3339, time.DateTime} {
		if t, err := time.Parse(layout, text); err == nil {
			return inRange(t)
		}
	}
	if part := isoDate().FindStringSubmatch(text); part != nil {
		seconds, zone := cmp.Or(part[3], ":00"), "Z"
		if part[5] != "" {
			zone = part[5] + ":" + cmp.Or(part[6], "00")
		}
		t, err := time.Parse(time.RFC3339, strings.ReplaceAll(part[1], "/", "-")+"T"+part[2]+seconds+zone)
		if err != nil {
			return time.Time{}, false
		}
		return inRange(t)
	}
	for _, layout := range namedDates {
		// In the location UTC, the result does not depend on the zone of this machine.
		t, err := time.ParseInLocation(layout, text, time.UTC)
		if err != nil {
			continue
		}
		if name, _ := t.Zone(); strings.Contains(layout, "MST") && name != "UTC" && name != "GMT" {
			return time.Time{}, false
		}
		return inRange(t)
	}
	return time.Time{}, false
}

// inRange returns t in UTC and reports whether its year is between 1 and 9990: JSON and RFC 3339
// need a year of at most four digits, also after some days were added to t.
func inRange(t time.Time) (time.Time, bool) {
	if t = t.UTC(); t.Year() < 1 || t.Year() > 9990 {
		return time.Time{}, false
	}
	return t, true
}

// parseUnix returns the time for a number of seconds or milliseconds since 1970, and reports
// whether text is such a number. The number 0 is the zero time. Any other time must be between the
// years 1973 and 2286, because a small number, or a date such as 20260601, is not a time since 1970.
func parseUnix(text string) (time.Time, bool) {
	n, err := strconv.ParseFloat(text, 64)
	switch {
	case err != nil:
		return time.Time{}, false
	case n == 0:
		return time.Time{}, true
	case n >= 1e8 && n < 1e10:
		seconds, fraction := math.Modf(n)
		return time.Unix(int64(seconds), int64(fraction*1e9)).UTC(), true
	case n >= 1e11 && n < 1e13:
		return time.UnixMilli(int64(n)).UTC(), true
	}
	return time.Time{}, false
}
