package state

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/orgsync/orgsync/internal/lazyregexp"
	"github.com/orgsync/orgsync/internal/loopback"
)

// Kind is a kind of place for ledgers.
type Kind string

// The kinds of places.
const (
	Folder   Kind = "folder"
	S3       Kind = "s3"
	Postgres Kind = "postgres"
)

// Location is the place where ledgers are kept. Only the fields of its kind are set.
type Location struct {
	Kind Kind

	Path string // the folder, for Folder

	// The fields for S3. Prefix has no slash at its ends. Endpoint is a URL, or "" for AWS. Region may
	// be "" for the default.
	Bucket, Prefix, Endpoint, Region string
	PathStyle                        bool

	URL    string // the connection string, which may have a password; for Postgres
	server string // what identifies the database in URL, without a password
}

// postgresParameters are the parameters that the URL of a database may have.
var postgresParameters = []string{
	"application_name", "connect_timeout", "host", "passfile", "port", "service", "servicefile", "sslcert", "sslkey",
	"sslmode", "sslrootcert", "target_session_attrs",
}

// locationForms is the advice for a location of an unknown form.
const locationForms = "write a folder, s3://BUCKET/PREFIX?endpoint=URL&region=REGION, or postgres://USER@HOST/DATABASE"

// ParseLocation parses the value of the flag --state. An error is a *[Problem], which does not contain
// the password in text.
func ParseLocation(text string) (Location, error) {
	scheme, _, hasScheme := strings.Cut(text, "://")
	switch {
	case text == "" || strings.ContainsAny(text, "\x00\r\n"):
		return Location{}, &Problem{errors.New("the state is empty or has control characters"), locationForms}
	case !hasScheme:
		return ParseFolder(text)
	}
	u, err := url.Parse(text)
	if err != nil {
		return Location{}, &Problem{fmt.Errorf("the state is not a URL that can be read (%s://…)", clip(scheme)),
			locationForms}
	}
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil || u.Fragment != "" {
		return Location{}, &Problem{errors.New("the parameters in the URL of the state cannot be read"), locationForms}
	}
	switch scheme {
	case "file":
		if u.Host != "" || u.RawQuery != "" || u.User != nil || !strings.HasPrefix(u.Path, "/") {
			return Location{}, &Problem{errors.New("the state is not of the form file:///PATH"), locationForms}
		}
		return Location{Kind: Folder, Path: filepath.FromSlash(u.Path)}, nil
	case "s3":
		return parseS3(u, query)
	case "postgres", "postgresql":
		return parsePostgres(u, query)
	}
	return Location{}, &Problem{fmt.Errorf("there is no kind of state %q", clip(scheme)), locationForms}
}

// notFolder matches text that was probably meant as a URL or as the settings of a database. It may have
// a password. It does not match a path with colons and @ after its first slash, or a path on a drive of Windows.
var notFolder = lazyregexp.New(`(?is)^(?:s3|postgres|postgresql|file)(?::|//)|^//[^/]*(?::.*)?@|` +
	`^[^/\\:]?:(?:[^/\\].*)?@|^[^/\\:]{2,}:.*@|(?:^|\s)\w*(?:password|service|host|port|dbname|user)\w*\s*=`)

// ParseFolder returns the location of a folder. An error is a *[Problem], which does not contain text.
func ParseFolder(text string) (Location, error) {
	switch {
	case notFolder().MatchString(text):
		return Location{}, &Problem{errors.New("the state is neither a folder nor a URL of a known form"), locationForms}
	case text == "~" || strings.HasPrefix(text, "~/"):
		return Location{}, &Problem{
			errors.New("the folder of the state begins with ~, which is the home folder only in a shell"),
			"write the whole path",
		}
	}
	return Location{Kind: Folder, Path: filepath.Clean(text)}, nil
}

// clip shortens a text for an error to at most 40 bytes. It cuts no character in half.
func clip(text string) string { return strings.ToValidUTF8(text[:min(len(text), 40)], "") }

// checkParameters returns an error if a parameter is not among known, or has several values.
func checkParameters(query url.Values, known []string) error {
	for _, name := range slices.Sorted(maps.Keys(query)) {
		if !slices.Contains(known, name) {
			return &Problem{
				fmt.Errorf("the URL of the state has the unknown parameter %q", clip(name)),
				"known parameters: " + strings.Join(known, ", "),
			}
		}
		if len(query[name]) != 1 {
			return &Problem{fmt.Errorf("the URL of the state has the parameter %q more than once", clip(name)), locationForms}
		}
	}
	return nil
}

func parseS3(u *url.URL, query url.Values) (Location, error) {
	l := Location{
		Kind: S3, Bucket: u.Host, Prefix: strings.Trim(u.Path, "/"), Endpoint: query.Get("endpoint"),
		Region: query.Get("region"),
	}
	if u.User != nil {
		return Location{}, &Problem{
			errors.New("the URL of the state has credentials"),
			"set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or use a role or a profile",
		}
	}
	if err := checkParameters(query, []string{"endpoint", "region", "path_style"}); err != nil {
		return Location{}, err
	}
	if l.Bucket == "" || strings.ContainsAny(l.Bucket, ":/ ") {
		return Location{}, &Problem{errors.New("the URL of the state names no bucket"), locationForms}
	}
	if strings.Contains(l.Prefix, "//") || len(l.Prefix) > 256 {
		return Location{}, &Problem{errors.New("the prefix in the URL of the state is too long or has an empty part"),
			locationForms}
	}
	if text := query.Get("path_style"); text != "" {
		var err error
		if l.PathStyle, err = strconv.ParseBool(text); err != nil {
			return Location{}, &Problem{errors.New("path_style in the URL of the state is neither true nor false"),
				locationForms}
		}
	}
	if l.Endpoint == "" {
		return l, nil
	}
	endpoint, err := url.Parse(l.Endpoint)
	switch {
	case err != nil || endpoint.Hostname() == "" || endpoint.User != nil || strings.Trim(endpoint.Path, "/") != "" ||
		endpoint.RawQuery != "" || endpoint.Scheme != "https" && endpoint.Scheme != "http":
		return Location{}, &Problem{errors.New("the endpoint in the URL of the state is not of the form https://HOST"),
			locationForms}
	case endpoint.Scheme == "http" && !loopback.Is(endpoint.Hostname()):
		return Location{}, &Problem{
			errors.New("the endpoint in the URL of the state is plain http, which would show the ledger to the network"),
			"use https; plain http is for a server on this machine",
		}
	}
	l.Endpoint = endpoint.Scheme + "://" + strings.ToLower(endpoint.Host)
	return l, nil
}

func parsePostgres(u *url.URL, query url.Values) (Location, error) {
	if err := checkParameters(query, postgresParameters); err != nil {
		return Location{}, err
	}
	if strings.Contains(u.Path, "@") { // a slash in the password
		return Location{}, &Problem{
			errors.New("the URL of the state has an @ after a slash: the password probably has a slash"),
			"set the password in PGPASSWORD or in a password file; or write %2F for each slash of the password in the URL",
		}
	}
	l := Location{Kind: Postgres, URL: u.String()}
	service := query.Get("service")
	// As in libpq, a parameter overrides the same part of the URL, and a service may have all settings.
	host := cmp.Or(query.Get("host"), u.Hostname())
	port := cmp.Or(query.Get("port"), u.Port())
	database := strings.Trim(u.Path, "/")
	if service == "" {
		port = cmp.Or(port, "5432")
		database = cmp.Or(database, u.User.Username()) // the default of libpq
	}
	mode := query.Get("sslmode")
	if (mode == "disable" || mode == "allow" || mode == "prefer") && host != "" && !loopback.Is(host) &&
		!strings.HasPrefix(host, "/") {
		return Location{}, UnencryptedError()
	}
	l.server = "postgres://" + strings.ToLower(host)
	if port != "" {
		l.server = "postgres://" + net.JoinHostPort(strings.ToLower(host), port)
	}
	l.server += "/" + database
	if service != "" {
		l.server += "?service=" + url.QueryEscape(service)
	}
	return l, nil
}

// UnencryptedError returns the error for a connection to PostgreSQL that would not be encrypted.
func UnencryptedError() error {
	return &Problem{
		errors.New("the connection to PostgreSQL would not be encrypted, which would show the ledger to the network"),
		"add sslmode=verify-full (or require) to the URL; only a server on this machine may go without",
	}
}

// HasPassword reports whether the URL of the location has a password. On a command line, the password
// would be visible to other users, for example in the output of ps.
func (l Location) HasPassword() bool {
	u, err := url.Parse(l.URL)
	if err != nil {
		return false
	}
	_, hasPassword := u.User.Password()
	return hasPassword
}

// Shared reports whether several machines can use the location.
func (l Location) Shared() bool { return l.Kind != Folder }

// Is reports whether l and other are the same place.
func (l Location) Is(other Location) bool {
	return l.Kind == other.Kind &&
		(l.identity() == other.identity() || l.Kind == Folder && isSameFolder(l.Path, other.Path))
}

// isSameFolder reports whether two paths lead to the same folder, for example through a link.
func isSameFolder(a, b string) bool {
	first, err := os.Stat(a)
	if err != nil {
		return false
	}
	second, err := os.Stat(b)
	return err == nil && os.SameFile(first, second)
}

// identity returns a text that is the same for all locations of one place.
func (l Location) identity() string {
	if l.Kind == Folder {
		return l.Argument()
	}
	return l.String()
}

// Argument returns the location in the form of the flag --state, without a password. The path of a folder
// is absolute.
func (l Location) Argument() string {
	switch l.Kind {
	case S3:
		parameters := url.Values{}
		for name, value := range map[string]string{"endpoint": l.Endpoint, "region": l.Region} {
			if value != "" {
				parameters.Set(name, value)
			}
		}
		if l.PathStyle {
			parameters.Set("path_style", "true")
		}
		u := url.URL{Scheme: "s3", Host: l.Bucket, Path: l.Prefix, RawQuery: parameters.Encode()}
		return u.String()
	case Postgres:
		u, err := url.Parse(l.URL)
		if err != nil {
			return l.server
		}
		if u.User != nil {
			u.User = url.User(u.User.Username())
		}
		return u.String()
	case Folder:
		if path, err := filepath.Abs(l.Path); err == nil {
			return path
		}
	}
	return l.String()
}

// String returns the location without user and password, for people.
func (l Location) String() string {
	switch l.Kind {
	case S3:
		text := "s3://" + l.Bucket
		if l.Prefix != "" {
			text += "/" + l.Prefix
		}
		if l.Endpoint != "" {
			text += "?endpoint=" + l.Endpoint
		}
		return text
	case Postgres:
		return l.server
	case Folder:
		return l.Path
	}
	return ""
}
