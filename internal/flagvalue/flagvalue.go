// Package flagvalue has types for the values of flags. They check what a user wrote, and their errors
// say which values are allowed.
package flagvalue

import (
	"errors"
	"fmt"
	"math"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/orgsync/orgsync/internal/printable"
)

// A Value is the value of a flag. It implements pflag.Value.
type Value[T any] struct {
	to     *T
	kind   string // the placeholder in help texts
	parse  func(string) (T, error)
	format func(T) string // nil to format the value with fmt.Sprint
}

// Type returns the placeholder in help texts.
func (v Value[T]) Type() string { return v.kind }

// Set parses s and stores the result. If s is invalid, the value stays the same.
func (v Value[T]) Set(s string) error {
	parsed, err := v.parse(strings.TrimSpace(s))
	if err == nil {
		*v.to = parsed
	}
	return err
}

// String returns the value in the form for help texts.
func (v Value[T]) String() string {
	if v.to == nil { // pflag also calls String on the zero Value
		return ""
	}
	if v.format != nil {
		return v.format(*v.to)
	}
	return fmt.Sprint(*v.to)
}

// Choice returns a Value that must be one of words.
func Choice(to *string, kind string, words ...string) Value[string] {
	return Value[string]{to: to, kind: kind, parse: func(s string) (string, error) {
		if !slices.Contains(words, s) {
			return "", errors.New("must be " + printable.JoinOr(words))
		}
		return s, nil
	}}
}

// Path returns a Value for the path of a file or a folder. It may not be empty: in a script, "" is probably a variable
// that is not set.
func Path(to *string) Value[string] { return Value[string]{to: to, kind: "path", parse: ParsePath} }

// Bool returns a Value that must be true or false.
func Bool(to *bool) Value[bool] {
	return Value[bool]{to: to, kind: "bool", parse: func(s string) (bool, error) {
		on, err := strconv.ParseBool(s)
		if err != nil {
			return false, errors.New("must be true or false")
		}
		return on, nil
	}}
}

// Rate returns a Value for a number of requests in a second, above 0.
func Rate(to *float64) Value[float64] {
	return Value[float64]{to: to, kind: "n", parse: func(s string) (float64, error) {
		n, err := strconv.ParseFloat(s, 64)
		if err != nil || !(n > 0) || math.IsInf(n, 0) {
			return 0, errors.New("must be a number of requests a second above 0, as in 20 or 0.5")
		}
		return n, nil
	}}
}

// Int returns a Value for a whole number from lowest to highest.
func Int(to *int, lowest, highest int) Value[int] {
	return Value[int]{to: to, kind: "n", parse: func(s string) (int, error) {
		n, err := strconv.Atoi(s)
		if err != nil || n < lowest || n > highest {
			return 0, fmt.Errorf("must be a whole number from %d to %d", lowest, highest)
		}
		return n, nil
	}}
}

// OptionalInt returns a Value for a whole number of at least 0. The number is nil until Set sets it.
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
		format: func(n *int) string {
			if n == nil {
				return ""
			}
			return strconv.Itoa(*n)
		},
	}
}

// errTooLong is the error of parseDuration for too many days.
var errTooLong = errors.New("must be a time of at most 65535d")

// parseDuration parses a duration such as 90s, 12h, 3d or 1d12h. A roster has the same form of
// durations.
func parseDuration(s string) (time.Duration, error) {
	days, rest, found := strings.Cut(s, "d")
	if !found {
		return time.ParseDuration(s)
	}
	n, err := strconv.ParseUint(days, 10, 16)
	if errors.Is(err, strconv.ErrRange) {
		return 0, errTooLong
	}
	d := time.Duration(0)
	if rest != "" && err == nil {
		d, err = time.ParseDuration(rest)
	}
	if err == nil && d < 0 {
		err = errors.New("a negative time after the days")
	}
	return time.Duration(n)*24*time.Hour + d, err
}

// durationParser returns a parser of durations of at least shortest. Its error says expected if the text is no such
// duration.
func durationParser(shortest time.Duration, expected string) func(string) (time.Duration, error) {
	return func(s string) (time.Duration, error) {
		d, err := parseDuration(s)
		switch {
		case errors.Is(err, errTooLong):
			return 0, err
		case err != nil || d < shortest:
			return 0, errors.New(expected)
		}
		return d, nil
	}
}

// Duration returns a Value for a duration of at least shortest.
func Duration(to *time.Duration, shortest time.Duration) Value[time.Duration] {
	expected := fmt.Sprintf("must be a time of at least %v with its unit, as in 90s, 5m, 12h or 3d", shortest)
	return Value[time.Duration]{to: to, kind: "duration", parse: durationParser(shortest, expected)}
}

// Age returns a Value for a duration above 0. The duration is 0 until Set sets it; help texts then show
// no default.
func Age(to *time.Duration) Value[time.Duration] {
	return Value[time.Duration]{
		to: to, kind: "duration",
		parse: durationParser(1, "must be a time above 0 with its unit, as in 14d, 36h or 1d12h"),
		format: func(d time.Duration) string {
			if d == 0 {
				return ""
			}
			return d.String()
		},
	}
}

// Listen returns a Value for an address of the form HOST:PORT.
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

// A Simulation says whether a command uses the simulated organization, and in which file this is.
type Simulation struct {
	On   bool
	File string // "" for the default file
}

// Sandbox returns a Value for --sandbox: true, false, or the file of the simulated organization.
func Sandbox(to *Simulation, kind string) Value[Simulation] {
	return Value[Simulation]{
		to: to, kind: kind,
		parse: func(s string) (Simulation, error) {
			switch strings.ToLower(s) {
			case "true", "1": // --sandbox without a value, or the usual values of an environment variable
				return Simulation{On: true}, nil
			case "false", "0":
				return Simulation{}, nil
			case "": // an unset variable in a script must not turn a simulation into a real run
				return Simulation{}, errors.New("must be true, false or a file")
			// These probably mean true or false. As file names, "no" and "off" would turn a real run into a
			// simulation.
			case "yes", "no", "on", "off":
				return Simulation{}, fmt.Errorf("must be true, false or a file; a file of that name is ./%s", s)
			}
			return Simulation{On: true, File: s}, nil
		},
		format: func(s Simulation) string { return s.File },
	}
}

// A Slice is the value of a flag that may be repeated. In the environment variable of the flag, commas
// or line feeds separate the values.
type Slice[T any] struct {
	Value[[]T]
	started *bool // whether Set was called, so that the slice no longer holds the default
}

// Set parses s and appends the result. The first call replaces the default.
func (v Slice[T]) Set(s string) error {
	if !*v.started {
		*v.to, *v.started = nil, true
	}
	return v.Value.Set(s)
}

// SetAll calls Set with each value of an environment variable.
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

// NewSlice returns a Slice whose elements parse parses.
func NewSlice[T any](to *[]T, kind string, parse func(string) (T, error)) Slice[T] {
	return Slice[T]{
		started: new(bool),
		Value: Value[[]T]{
			to: to, kind: kind,
			parse: func(s string) ([]T, error) {
				one, err := parse(s)
				return append(slices.Clip(*to), one), err
			},
			format: func(all []T) string {
				words := make([]string, len(all))
				for i, one := range all {
					words[i] = fmt.Sprint(one)
				}
				return strings.Join(words, ",")
			},
		},
	}
}

// ParsePath returns s. It returns an error if s is empty.
func ParsePath(s string) (string, error) {
	if s == "" {
		return "", errors.New("must be a file or a folder")
	}
	return s, nil
}
