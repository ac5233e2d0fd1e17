package cli

import (
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/orgsync/orgsync/internal/org"
)

// flagValue is a flag's value that checks itself; its errors say which values are allowed. It
// implements [pflag.Value].
type flagValue[T any] struct {
	to    *T
	kind  string // the placeholder in help texts
	parse func(string) (T, error)
	show  func(T) string // nil to print it as fmt does
}

func (v flagValue[T]) Type() string { return v.kind }

func (v flagValue[T]) Set(s string) error {
	parsed, err := v.parse(strings.TrimSpace(s))
	if err == nil {
		*v.to = parsed
	}
	return err
}

func (v flagValue[T]) String() string {
	if v.to == nil { // pflag also calls this on the zero value
		return ""
	}
	if v.show != nil {
		return v.show(*v.to)
	}
	return fmt.Sprint(*v.to)
}

// choiceFlag returns a value that is one of words.
func choiceFlag(to *string, kind string, words ...string) flagValue[string] {
	return flagValue[string]{to: to, kind: kind, parse: func(s string) (string, error) {
		if !slices.Contains(words, s) {
			return "", errors.New("must be " + orList(words))
		}
		return s, nil
	}}
}

// boolFlag returns a value that is true or false.
func boolFlag(to *bool) flagValue[bool] {
	return flagValue[bool]{to: to, kind: "bool", parse: func(s string) (bool, error) {
		on, err := strconv.ParseBool(s)
		if err != nil {
			return false, errors.New("must be true or false")
		}
		return on, nil
	}}
}

// rateFlag returns a value in requests a second, above 0.
func rateFlag(to *float64) flagValue[float64] {
	return flagValue[float64]{to: to, kind: "n", parse: func(s string) (float64, error) {
		n, err := strconv.ParseFloat(s, 64)
		if err != nil || !(n > 0) || math.IsInf(n, 0) {
			return 0, errors.New("must be a number of requests a second above 0, as in 20 or 0.5")
		}
		return n, nil
	}}
}

// intFlag returns a whole number from least to most.
func intFlag(to *int, least, most int) flagValue[int] {
	return flagValue[int]{to: to, kind: "n", parse: func(s string) (int, error) {
		n, err := strconv.Atoi(s)
		if err != nil || n < least || n > most {
			return 0, fmt.Errorf("must be a whole number from %d to %d", least, most)
		}
		return n, nil
	}}
}

// optionalIntFlag returns a whole number from 0 up; it is nil until it is set.
func optionalIntFlag(to **int) flagValue[*int] {
	return flagValue[*int]{
		to: to, kind: "n",
		parse: func(s string) (*int, error) {
			n, err := strconv.Atoi(s)
			if err != nil || n < 0 {
				return nil, errors.New("must be a whole number of at least 0")
			}
			return &n, nil
		},
		show: func(n *int) string {
			if n == nil {
				return ""
			}
			return strconv.Itoa(*n)
		},
	}
}

// parseDuration returns a time with its unit, which may be days, as in 90s, 12h, 3d or 1d12h. A
// roster and the flags write it alike.
func parseDuration(s string) (time.Duration, error) {
	days, rest, found := strings.Cut(s, "d")
	if !found {
		return time.ParseDuration(s)
	}
	n, err := strconv.ParseUint(days, 10, 16)
	d := time.Duration(0)
	if rest != "" && err == nil {
		d, err = time.ParseDuration(rest)
	}
	if err == nil && d < 0 {
		err = errors.New("a negative time after the days")
	}
	return time.Duration(n)*24*time.Hour + d, err
}

// durationFlag returns a duration of at least least.
func durationFlag(to *time.Duration, least time.Duration) flagValue[time.Duration] {
	return flagValue[time.Duration]{to: to, kind: "duration", parse: func(s string) (time.Duration, error) {
		d, err := parseDuration(s)
		if err != nil || d < least {
			return 0, fmt.Errorf("must be a time of at least %v with its unit, as in 90s, 5m, 12h or 3d", least)
		}
		return d, nil
	}}
}

// ageFlag returns a duration above 0, which is not shown until it is set.
func ageFlag(to *time.Duration) flagValue[time.Duration] {
	return flagValue[time.Duration]{
		to: to, kind: "duration",
		parse: func(s string) (time.Duration, error) {
			d, err := parseDuration(s)
			if err != nil || d <= 0 {
				return 0, errors.New("must be a time above 0 with its unit, as in 14d, 36h or 1d12h")
			}
			return d, nil
		},
		show: func(d time.Duration) string {
			if d == 0 {
				return ""
			}
			return d.String()
		},
	}
}

// listenFlag returns a HOST:PORT.
func listenFlag(to *string) flagValue[string] {
	return flagValue[string]{to: to, kind: "address", parse: func(s string) (string, error) {
		if _, port, err := net.SplitHostPort(s); err == nil {
			if _, err = strconv.ParseUint(port, 10, 16); err == nil {
				return s, nil
			}
		}
		port, err := strconv.ParseUint(s, 10, 16)
		switch {
		case err == nil:
			return "", fmt.Errorf("must be HOST:PORT; for port %d: 127.0.0.1:%d", port, port)
		case strings.ContainsAny(s, ":/") || s == "":
			return "", errors.New("must be HOST:PORT, as in 127.0.0.1:8080")
		}
		return "", fmt.Errorf("must be HOST:PORT, as in %s:8080", s)
	}}
}

// logLevelFlag returns one of slog's levels, written by its name.
func logLevelFlag(to *slog.Level) flagValue[slog.Level] {
	levels := map[string]slog.Level{"debug": slog.LevelDebug, "info": slog.LevelInfo, "warn": slog.LevelWarn,
		"error": slog.LevelError}
	return flagValue[slog.Level]{
		to: to, kind: "level",
		parse: func(s string) (slog.Level, error) {
			level, ok := levels[s]
			if !ok {
				return 0, errors.New("must be " + orList(logLevels))
			}
			return level, nil
		},
		show: func(l slog.Level) string { return strings.ToLower(l.String()) },
	}
}

var logLevels = []string{"debug", "info", "warn", "error"}

// sandboxSetting says whether to simulate, and in which file.
type sandboxSetting struct {
	on   bool
	file string // "" for the default
}

// sandboxFlag returns the value of --sandbox: true, false, or the file to simulate in.
func sandboxFlag(to *sandboxSetting, kind string) flagValue[sandboxSetting] {
	return flagValue[sandboxSetting]{
		to: to, kind: kind,
		parse: func(s string) (sandboxSetting, error) {
			switch strings.ToLower(s) {
			case "true", "1": // a bare --sandbox, or the usual values of an environment variable
				return sandboxSetting{on: true}, nil
			case "false", "0":
				return sandboxSetting{}, nil
			case "": // an unset variable in a script must not turn a simulation into a real run
				return sandboxSetting{}, errors.New("must be true, false or a file")
			// these are meant as true or false: as file names, they would simulate a run that was meant to
			// be real
			case "yes", "no", "on", "off":
				return sandboxSetting{}, fmt.Errorf("must be true, false or a file; a file of that name is ./%s", s)
			}
			return sandboxSetting{on: true, file: s}, nil
		},
		show: func(s sandboxSetting) string { return s.file },
	}
}

// sliceFlag is a flag that may be repeated; in its environment variable, commas or line feeds
// separate the values.
type sliceFlag[T any] struct {
	flagValue[[]T]
	started *bool // false while to holds the default, which the first value replaces
}

func (v sliceFlag[T]) Set(s string) error {
	if !*v.started {
		*v.to, *v.started = nil, true
	}
	return v.flagValue.Set(s)
}

// SetAll adds every value of an environment variable.
func (v sliceFlag[T]) SetAll(s string) error {
	for part := range strings.FieldsFuncSeq(s, func(r rune) bool { return r == ',' || r == '\n' }) {
		if strings.TrimSpace(part) == "" {
			continue
		}
		if err := v.Set(part); err != nil {
			return err
		}
	}
	return nil
}

func newSliceFlag[T any](to *[]T, kind string, parse func(string) (T, error)) sliceFlag[T] {
	return sliceFlag[T]{
		started: new(bool),
		flagValue: flagValue[[]T]{
			to: to, kind: kind,
			parse: func(s string) ([]T, error) {
				one, err := parse(s)
				return append(slices.Clip(*to), one), err
			},
			show: func(all []T) string {
				words := make([]string, len(all))
				for i, one := range all {
					words[i] = fmt.Sprint(one)
				}
				return strings.Join(words, ",")
			},
		},
	}
}

func parsePath(s string) (string, error) {
	if s == "" {
		return "", errors.New("must be a file or a folder")
	}
	return s, nil
}

func parseAddress(s string) (org.Address, error) { return org.ParseAddress(s) }

func orList(words []string) string { return joinWords(words, " or ") }

func andList(words []string) string { return joinWords(words, " and ") }

func joinWords(words []string, last string) string {
	n := len(words) - 1
	if n == 0 {
		return words[0]
	}
	return strings.Join(words[:n], ", ") + last + words[n]
}
