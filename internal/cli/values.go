package cli

import (
	"errors"
	"fmt"
	"log/slog"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/orgsync/orgsync/internal/org"
)

// value is a flag's value with its own rule; its errors say what would be right. It is a [pflag.Value].
type value[T any] struct {
	to    *T
	kind  string // what help calls it
	parse func(string) (T, error)
	show  func(T) string // nil: as fmt does
}

func (v value[T]) Type() string { return v.kind }

func (v value[T]) Set(s string) error {
	parsed, err := v.parse(strings.TrimSpace(s))
	if err == nil {
		*v.to = parsed
	}
	return err
}

func (v value[T]) String() string {
	if v.to == nil { // pflag asks the zero value too
		return ""
	}
	if v.show != nil {
		return v.show(*v.to)
	}
	return fmt.Sprint(*v.to)
}

// choice is one of a few words.
func choice(to *string, kind string, words ...string) value[string] {
	return value[string]{to: to, kind: kind, parse: func(s string) (string, error) {
		if !slices.Contains(words, s) {
			return "", errors.New("must be " + orList(words))
		}
		return s, nil
	}}
}

// boolFlag is true or false.
func boolFlag(to *bool) value[bool] {
	return value[bool]{to: to, kind: "bool", parse: func(s string) (bool, error) {
		on, err := strconv.ParseBool(s)
		if err != nil {
			return false, errors.New("must be true or false")
		}
		return on, nil
	}}
}

// requestRate is requests a second, more than 0.
func requestRate(to *float64) value[float64] {
	return value[float64]{to: to, kind: "n", parse: func(s string) (float64, error) {
		n, err := strconv.ParseFloat(s, 64)
		if err != nil || !(n > 0) || math.IsInf(n, 0) {
			return 0, errors.New("must be a number of requests a second above 0, as in 20 or 0.5")
		}
		return n, nil
	}}
}

// wholeNumber is at least least and at most most.
func wholeNumber(to *int, least, most int) value[int] {
	return value[int]{to: to, kind: "n", parse: func(s string) (int, error) {
		n, err := strconv.Atoi(s)
		if err != nil || n < least || n > most {
			return 0, fmt.Errorf("must be a whole number from %d to %d", least, most)
		}
		return n, nil
	}}
}

// optionalLimit is a whole number from 0 up that may be left out (nil).
func optionalLimit(to **int) value[*int] {
	return value[*int]{
		to: to, kind: "n",
		parse: func(s string) (*int, error) {
			n, err := strconv.Atoi(s)
			if err != nil || n < 0 {
				return nil, errors.New("must be a whole number from 0 up")
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

// duration is at least least.
func duration(to *time.Duration, least time.Duration) value[time.Duration] {
	return value[time.Duration]{to: to, kind: "duration", parse: func(s string) (time.Duration, error) {
		d, err := time.ParseDuration(s)
		if err != nil || d < least {
			return 0, fmt.Errorf("must be a time of at least %v with its unit, as in 90s, 5m or 1h30m", least)
		}
		return d, nil
	}}
}

// age is a time that may be given in days.
func age(to *time.Duration) value[time.Duration] {
	return value[time.Duration]{
		to: to, kind: "duration",
		parse: func(s string) (time.Duration, error) {
			days, rest, found := strings.Cut(s, "d")
			if !found {
				days, rest = "0", s
			}
			n, err := strconv.ParseUint(days, 10, 16)
			d := time.Duration(0)
			if rest != "" && err == nil {
				d, err = time.ParseDuration(rest)
			}
			if d += time.Duration(n) * 24 * time.Hour; err != nil || d <= 0 {
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

// logLevel is one of slog's levels by its name.
func logLevel(to *slog.Level) value[slog.Level] {
	levels := map[string]slog.Level{"debug": slog.LevelDebug, "info": slog.LevelInfo, "warn": slog.LevelWarn, "error": slog.LevelError}
	return value[slog.Level]{
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

// sandboxFile says whether and where to simulate: on without a file of its own, on with FILE, or off.
type sandboxFile struct {
	on   bool
	file string // "": the default
}

func sandboxTo(to *sandboxFile, kind string) value[sandboxFile] {
	return value[sandboxFile]{
		to: to, kind: kind,
		parse: func(s string) (sandboxFile, error) {
			switch strings.ToLower(s) {
			case "true", "1": // as a bare --sandbox, and as an environment variable likes to be set
				return sandboxFile{on: true}, nil
			case "false", "0":
				return sandboxFile{}, nil
			case "": // an unset variable of a script must not turn a simulation into the real thing
				return sandboxFile{}, errors.New("must be true, false or a file")
			case "yes", "no", "on", "off": // nor may an off become a file, and a run that mails nobody
				return sandboxFile{}, fmt.Errorf("must be true, false or a file; a file of that name is ./%s", s)
			}
			return sandboxFile{on: true, file: s}, nil
		},
		show: func(s sandboxFile) string { return s.file },
	}
}

// sliceFlag is a flag that may be given many times; its environment variable separates the values by commas or lines.
type sliceFlag[T any] struct {
	value[[]T]
	started *bool // false while to holds the default, which the first value takes the place of
}

func (v sliceFlag[T]) Set(s string) error {
	if !*v.started {
		*v.to, *v.started = nil, true
	}
	return v.value.Set(s)
}

// SetAll takes in a whole environment variable.
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
		value: value[[]T]{
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

func orList(words []string) string { return listOf(words, " or ") }

func andList(words []string) string { return listOf(words, " and ") }

func listOf(words []string, last string) string {
	n := len(words) - 1
	if n == 0 {
		return words[0]
	}
	return strings.Join(words[:n], ", ") + last + words[n]
}
