package vultr

import (
	"bytes"
	"cmp"
	"math"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"
)

// date returns the time under name, in UTC; zero if there is none. understood is false if there is
// a date in an unknown form: it must not be treated as absent, because an invitation without an
// expiration date is assumed to have the documented lifetime.
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
	if t.Unix() == 0 {
		return time.Time{}, understood // 0 means no date
	}
	return t, understood
}

// dateObject returns the date under name where that is no text: absent, null, empty, or a DateTime
// as PHP's json_encode writes it, {"date":"2026-06-01
// 10:00:00.000000","timezone_type":3,"timezone":"UTC"}.
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
		return ParseDate(o.text("date") + " " + o.text("timezone"))
	case "list":
		return time.Time{}, len(bytes.TrimSpace(raw[1:len(raw)-1])) == 0 // PHP's empty object
	}
	return time.Time{}, true
}

// isZeroDate reports whether text is a date of zeros, as SQL has it for a date that is not set, or
// what PHP makes of one.
func isZeroDate(text string) bool {
	return strings.Trim(text, "0-:+.tTzZ ") == "" || strings.HasPrefix(text, "-0001-11-30")
}

// isoDate is a date with a time of day as ISO 8601 and databases write it. The groups are day,
// time, seconds and zone.
var isoDate = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^(\d{4}[-/]\d{2}[-/]\d{2})[Tt ](\d{2}:\d{2})(:\d{2}(?:[.,]\d{1,9})?)?` +
		` ?(?i:(z|utc|gmt)|([+-]\d{2}):?(\d{2})?)?$`)
})

// namedDates are the forms with names of days and months: RFC 1123, RFC 850 (RFC 9110, 5.6.7) and
// those of C.
var namedDates = []string{
	"Mon, 2 Jan 2006 15:04:05 MST", "Mon, 2 Jan 2006 15:04:05 -0700", time.RFC850, time.ANSIC, time.UnixDate,
}

// ParseDate reads a date with a time of day, and reports whether it is one. Without a zone it is in
// UTC. A zone by a name other than UTC and GMT is not understood, and neither is a day without a
// time: both could be a day off.
func ParseDate(text string) (time.Time, bool) {
	// Nearly all have one of these. Parsing accepts fractions of a second in both.
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
		t, err := time.Parse(layout, text)
		if err != nil {
			continue
		}
		if name, offset := t.Zone(); offset != 0 || name == "" || name == "UTC" || name == "GMT" {
			return inRange(t)
		}
		return time.Time{}, false
	}
	return time.Time{}, false
}

// inRange returns t in UTC and reports whether its year can be written in four digits, also after a
// few days have been added.
func inRange(t time.Time) (time.Time, bool) {
	if t = t.UTC(); t.Year() < 1 || t.Year() > 9990 {
		return time.Time{}, false
	}
	return t, true
}

// parseUnix reads seconds or milliseconds since 1970, and reports whether text is such a number:
// one between the years 1973 and 2286, so that a small number or a date written as a number is not
// taken for a time.
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
