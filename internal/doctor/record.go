package doctor

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/orgsync/orgsync/internal/lazyregexp"
	"github.com/orgsync/orgsync/internal/vultr"
)

// Recorder writes answers to a folder, one file each, without personal data. A nil Recorder writes
// nothing.
type Recorder struct {
	dir      string
	redactor *redactor
	files    int
}

// recording is the content of one file.
type recording struct {
	Method  string            `json:"method"`
	Path    string            `json:"path"`
	Query   string            `json:"query,omitempty"`
	Status  int               `json:"status"`
	Headers map[string]string `json:"headers"`
	Body    json.RawMessage   `json:"body,omitempty"`
	// Text replaces a body that is not JSON; "" if the body was empty.
	Text string `json:"text,omitempty"`
}

const (
	// textPage replaces a body that is a web page.
	textPage = "<!DOCTYPE html><html><head><title>replaced</title></head></html>"
	// textOther replaces any other body that is not JSON.
	textOther = "replaced"
)

const readme = `Recorded answers of the Vultr API
==================================

'orgsync doctor --record' wrote these files. They show what the API answered to the requests with which orgsync reads an
organization. There is one file for each answer. It has the request, the status, a few headers, and the body.

Personal data was replaced before the files were written: addresses, names, ids, tokens, and all other text that is not
a date or a known word such as "Pending" or "active". Numbers were kept only if they are counts or states. The same text
always has the same replacement. The files never had the API key. They still show the form of the answers, dates, yes
and no, and how many people, groups, roles and policies there are.

Status words that orgsync does not know were replaced too. 'orgsync doctor' prints these words: please add them by hand.

To attach the files to a report, read them once, and pack the folder (tar czf recording.tar.gz FOLDER). Add the archive
and the output of 'orgsync doctor'. Remove from the output what you do not want to show.

To make a test of the files, put the folder into testdata/recorded.
`

// NewRecorder returns a recorder that writes to the folder dir. It creates the folder with the mode
// 0700. It returns an error if the folder is not empty.
func NewRecorder(dir string) (*Recorder, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		err = os.MkdirAll(dir, 0o700)
	}
	if err != nil {
		return nil, fmt.Errorf("record: %w", err)
	}
	if len(entries) > 0 {
		return nil, fmt.Errorf("record: %s is not empty: use a new or empty folder", dir)
	}
	r := &Recorder{dir: dir, redactor: newRedactor()}
	return r, r.write("README.txt", []byte(readme))
}

// add writes the file for one answer. name is the kind of request. add does nothing if no answer came.
func (r *Recorder) add(name string, x vultr.Exchange) error {
	if r == nil || x.Status == 0 {
		return nil
	}
	content, err := r.redactor.exchange(x)
	if err != nil {
		return fmt.Errorf("record: %w", err)
	}
	r.files++
	return r.write(fmt.Sprintf("%03d-%s.json", r.files, strings.ReplaceAll(name, " ", "-")), content)
}

// write creates a file, and returns an error if the file exists.
func (r *Recorder) write(name string, content []byte) error {
	f, err := os.OpenFile(filepath.Join(r.dir, name), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("record: %w", err)
	}
	_, err = f.Write(content)
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("record: %w", err)
	}
	return nil
}

// exchange returns the content of the file for x.
func (r *redactor) exchange(x vultr.Exchange) ([]byte, error) {
	kept := recording{Method: x.Method, Path: r.path(x.Path), Query: r.query(x.Query), Status: x.Status,
		Headers: headers(x)}
	body, err := r.json(x.Body, "")
	switch {
	case err == nil:
		kept.Body = body
	case x.IsHTML():
		kept.Text = textPage
	case len(bytes.TrimSpace(x.Body)) > 0:
		kept.Text = textOther
	}
	return encode(kept, "  ")
}

// path returns path with its id replaced. All documented paths have the id at the same position, as in
// /v2/groups/{id}/members.
func (r *redactor) path(path string) string {
	const id = 3 // after "", "v2" and "groups"
	parts := strings.Split(path, "/")
	if len(parts) > id {
		parts[id] = r.text(parts[id], "")
	}
	return strings.Join(parts, "/")
}

func (r *redactor) query(query url.Values) string {
	kept := url.Values{}
	for name, values := range query {
		for _, v := range values {
			kept.Add(name, r.text(v, name))
		}
	}
	return kept.Encode()
}

// contentType matches the media types of JSON, and those that proxies and login pages usually send.
var contentType = lazyregexp.New(`^(application/([a-z.]{1,40}\+)?json|text/(html|plain))(; ?charset=(utf-8|UTF-8))?$`)

// headers returns the headers that are recorded: those that say how to read the answer, what its date
// is, and when to try again. It leaves out values that may be personal.
func headers(x vultr.Exchange) map[string]string {
	kept := map[string]string{}
	for name := range x.Header {
		value := x.Header.Get(name)
		if value == "" {
			continue
		}
		_, notNumber := strconv.ParseUint(value, 10, 32)
		_, isDate := vultr.ParseDate(value)
		switch {
		case name == "Content-Type" && contentType().MatchString(value):
		case name == "Content-Type" && x.IsHTML():
			value = "text/html"
		case name == "Content-Type":
			value = "application/octet-stream"
		case name == "Date" && isDate:
		case slices.Contains(rateHeaders, name) && (notNumber == nil || isDate):
		default:
			continue
		}
		kept[name] = value
	}
	return kept
}
