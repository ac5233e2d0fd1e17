// Package flagvalue has the kinds of values of flags. Each checks itself, and its errors say which values are allowed.
package flagvalue

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

	"github.com/orgsync/orgsync/internal/printable"
)

// A Value checks itself. It implements the Value of package pflag.
type Value[T any] struct {
	to    *T
	kind  string // the placeholder in help texts
	parse func(string) (T, error)
	show  func(T) string // nil to print it as fmt does
}

// Type returns the placeholder in help texts.
func (v Value[T]) Type() string { return v.kind }

// Set checks s and takes it.
func (v Value[T]) Set(s string) error {
	parsed, err := v.parse(strings.TrimSpace(s))
	if err == nil {
		*v.to = parsed
	}
	return err
}

// String returns the value as help texts show it.
func (v Value[T]) String() string {
	if v.to == nil { // pflag also calls this on the zero value
		return ""
	}
	if v.show != nil {
		return v.show(*v.to)
	}
	return fmt.Sprint(*v.to)
}

// Choice returns a value that is one of words.
func Choice(to *string, kind string, words ...string) Value[string] {
	return Value[string]{to: to, kind: kind, parse: func(s string) (string, error) {
		if !slices.Contains(words, s) {
			return "", errors.New("must be " + printable.JoinOr(words))
		}
		return s, nil
	}}
}

// Bool returns a value that is true or false.
func Bool(to *bool) Value[bool] {
	return Value[bool]{to: to, kind: "bool", parse: func(s string) (bool, error) {
		on, err := strconv.ParseBool(s)
		if err != nil {
			return false, errors.New("must be true or false")
		}
		return on, nil
	}}
}

// Rate returns a value in requests a second, above 0.
func Rate(to *float64) Value[float64] {
	return Value[float64]{to: to, kind: "n", parse: func(s string) (float64, error) {
		n, err := strconv.ParseFloat(s, 64)
		if err != nil || !(n > 0) || math.IsInf(n, 0) {
			return 0, errors.New("must be a number of requests a second above 0, as in 20 or 0.5")
		}
		return n, nil
	}}
}

// Int returns a whole number from least to most.
func Int(to *int, least, most int) Value[int] {
	return Value[int]{to: to, kind: "n", parse: func(s string) (int, error) {
		n, err := strconv.Atoi(s)
		if err != nil || n < least || n > most {
			return 0, fmt.Errorf("must be a whole number from %d to %d", least, most)
		}
		return n, nil
	}}
}

// OptionalInt returns a whole number from 0 up; it is nil until it is set.
func OptionalInt(to **int) Value[*int] {
	return Value[*int]{
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

// Duration returns a duration of at least least.
func Duration(to *time.Duration, least time.Duration) Value[time.Duration] {
	return Value[time.Duration]{to: to, kind: "duration", parse: func(s string) (time.Duration, error) {
		d, err := parseDuration(s)
		if err != nil || d < least {
			return 0, fmt.Errorf("must be a time of at least %v with its unit, as in 90s, 5m, 12h or 3d", least)
		}
		return d, nil
	}}
}

// Age returns a duration above 0, which is not shown until it is set.
func Age(to *time.Duration) Value[time.Duration] {
	return Value[time.Duration]{
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

// Listen returns a HOST:PORT.
func Listen(to *string) Value[string] {
	return Value[string]{to: to, kind: "address", parse: func(s string) (string, error) {
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

// LogLevel returns one of slog's levels, written by its name.
func LogLevel(to *slog.Level) Value[slog.Level] {
	return Value[slog.Level]{
		to: to, kind: "level",
		parse: func(s string) (slog.Level, error) {
			var level slog.Level
			if !slices.Contains(LogLevels, s) || level.UnmarshalText([]byte(s)) != nil {
				return 0, errors.New("must be " + printable.JoinOr(LogLevels))
			}
			return level, nil
		},
		show: func(l slog.Level) string { return strings.ToLower(l.String()) },
	}
}

// LogLevels are the names of the levels of the log.
var LogLevels = []string{"debug", "info", "warn", "error"}

// A Simulation says whether to simulate, and in which file.
type Simulation struct {
	On   bool
	File string // "" for the default
}

// Sandbox returns the value of --sandbox: true, false, or the file to simulate in.
func Sandbox(to *Simulation, kind string) Value[Simulation] {
	return Value[Simulation]{
		to: to, kind: kind,
		parse: func(s string) (Simulation, error) {
			switch strings.ToLower(s) {
			case "true", "1": // a bare --sandbox, or the usual values of an environment variable
				return Simulation{On: true}, nil
			case "false", "0":
				return Simulation{}, nil
			case "": // an unset variable in a script must not turn a simulation into a real run
				return Simulation{}, errors.New("must be true, false or a file")
			// these are meant as true or false: as file names, they would simulate a run that was meant to
			// be real
			case "yes", "no", "on", "off":
				return Simulation{}, fmt.Errorf("must be true, false or a file; a file of that name is ./%s", s)
			}
			return Simulation{On: true, File: s}, nil
		},
		show: func(s Simulation) string { return s.File },
	}
}

// A Slice is a flag that may be repeated; in its environment variable, commas or line feeds
// separate the values.
type Slice[T any] struct {
	Value[[]T]
	started *bool // false while to holds the default, which the first value replaces
}

// Set adds a value; the first one replaces the default.
func (v Slice[T]) Set(s string) error {
	if !*v.started {
		*v.to, *v.started = nil, true
	}
	return v.Value.Set(s)
}

// SetAll adds every value of an environment variable.
func (v Slice[T]) SetAll(s string) error {
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

// NewSlice returns a slice whose values parse reads.
func NewSlice[T any](to *[]T, kind string, parse func(string) (T, error)) Slice[T] {
	return Slice[T]{
		started: new(bool),
		Value: Value[[]T]{
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

// ParsePath returns s, which must not be empty.
func ParsePath(s string) (string, error) {
	if s == "" {
		return "", errors.New("must be a file or a folder")
	}
	return s, nil
}
