package vultr

import (
	"encoding/json"
	"math"
	"strconv"
	"strings"
	"time"
)

// The forms of dates that APIs of this kind use, beside RFC 3339 and seconds since 1970. SPEC has the first two of dateTimes in
// its examples; a zone may follow, and without one the time is UTC.
var (
	dateTimes = []string{
		"2006-01-02T15:04:05", "2006-01-02 15:04:05", "2006-01-02T15:04", "2006-01-02 15:04", "2006/01/02 15:04:05", "2006-01-02",
	}
	zones     = []string{"", "Z07:00", "Z0700", "Z07", " Z07:00", " -0700", " -07"}
	mailDates = []string{ // RFC 1123, RFC 850 and ANSI C
		"Mon, 2 Jan 2006 15:04:05 -0700", "2 Jan 2006 15:04:05 -0700", "Monday, 02-Jan-06 15:04:05 -0700",
		"Mon Jan _2 15:04:05 2006", "Mon Jan _2 15:04:05 -0700 2006",
	}
)

// parseDate reads a date in any form that web APIs use. ok is false for text that is none.
func parseDate(text string) (t time.Time, ok bool) {
	for _, layout := range []string{time.RFC3339, time.DateTime} { // nearly all; both take fractions of a second
		if t, err := time.Parse(layout, text); err == nil {
			return inRange(t)
		}
	}
	if seconds, err := strconv.ParseFloat(text, 64); err == nil {
		return sinceEpoch(seconds)
	}
	upper := strings.ToUpper(text)
	for _, name := range []string{"UTC", "GMT"} {
		// Other names of zones are not known: Go takes any and gives it the offset 0.
		if before, found := strings.CutSuffix(upper, name); found {
			upper = strings.TrimSpace(before) + " +0000"
		} else if year := len(upper) - 4; year > 0 {
			upper = strings.TrimSuffix(upper[:year], name+" ") + upper[year:] // as date(1) prints it
		}
	}
	for _, base := range dateTimes {
		for _, zone := range zones {
			if t, err := time.Parse(base+zone, upper); err == nil {
				return inRange(t)
			}
		}
	}
	for _, layout := range mailDates {
		if t, err := time.Parse(layout, upper); err == nil {
			return inRange(t)
		}
	}
	return time.Time{}, false
}

// sinceEpoch is a number of seconds or, where that would be after the year 5000, of milliseconds since 1970.
func sinceEpoch(n float64) (time.Time, bool) {
	const lastSecond = 1e11
	if n >= lastSecond {
		n /= 1000
	}
	if n < 0 || n >= lastSecond || math.IsNaN(n) {
		return time.Time{}, false
	}
	whole, fraction := math.Modf(n)
	return inRange(time.Unix(int64(whole), int64(fraction*1e9)))
}

// inRange checks that the year of t has at most four digits, so that t can be written down again.
func inRange(t time.Time) (time.Time, bool) {
	if t = t.UTC(); t.Year() < 1 || t.Year() > 9990 {
		return time.Time{}, false
	}
	return t, true
}

// date returns the time under name; the zero time where there is none. ok is false for a date that is there and cannot be
// read.
func (f fields) date(name string) (t time.Time, ok bool) {
	text := f.text(name)
	if object := f.object(name); len(object) > 0 { // as PHP writes its own kind of date
		text = strings.TrimSpace(object.text("date") + " " + object.text("timezone"))
		if text == "" {
			return time.Time{}, false
		}
	}
	switch {
	case text == "" && hasValue(f[name]):
		return time.Time{}, false
	case text == "", text == "0", text == "false", strings.HasPrefix(text, "0000-00-00"), strings.HasPrefix(text, "0001-01-01"):
		return time.Time{}, true
	}
	return parseDate(text)
}

// hasValue reports whether raw is JSON that says something: not null, "", false, 0, or an empty list or object.
func hasValue(raw json.RawMessage) bool {
	switch text := strings.Trim(string(raw), "\" \t\r\n"); text {
	case "", "null", "false", "0":
		return false
	default:
		var list []json.RawMessage
		var object map[string]json.RawMessage
		if json.Unmarshal(raw, &list) == nil {
			return len(list) > 0
		}
		return json.Unmarshal(raw, &object) != nil || len(object) > 0
	}
}
