// Package s3 keeps objects in an S3 bucket. The storage must support conditional writes, which make an
// object only if it does not exist (If-None-Match: *).
package s3

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"github.com/orgsync/orgsync/internal/loopback"
	"github.com/orgsync/orgsync/internal/state"
	"github.com/orgsync/orgsync/internal/state/objects"
)

const (
	// maxObject is the maximum size in bytes of an object that is read.
	maxObject = 512 << 20
	// maxReserved is the maximum memory in bytes that is reserved for an object before it is read. The size
	// of the object comes from the server, which may be wrong.
	maxReserved = 64 << 20
	// defaultRegion is the region if neither the URL nor the environment names one. Storages other than
	// AWS ignore the region.
	defaultRegion = "us-east-1"
	// maxListHead is how many bytes at the beginning of a list are searched for the name of its root element.
	maxListHead = 1 << 10
	// metadataTimeout limits the request for the credentials of the role of a virtual machine. On other
	// machines, nothing answers this request.
	metadataTimeout = 2 * time.Second
)

// bucket is an [objects.Objects]. Its keys are the keys in the bucket without the prefix.
type bucket struct {
	client *minio.Client
	name   string
	prefix string // "" or ends with a slash
	place  string
}

// Open returns the objects at a location of the kind [state.S3]. It sends nothing to the bucket. The
// credentials are those of the standard AWS chain: environment, shared credentials file, web identity,
// container and instance roles. getenv is os.Getenv, except in tests. An error is a *[state.Problem].
func Open(l state.Location, getenv func(string) string) (objects.Objects, error) {
	region := cmp.Or(l.Region, getenv("AWS_REGION"), getenv("AWS_DEFAULT_REGION"), defaultRegion)
	endpoint := cmp.Or(l.Endpoint, "https://s3."+region+".amazonaws.com")
	u, err := url.Parse(endpoint)
	if err != nil {
		return nil, &state.Problem{Err: errors.New("the endpoint of the state is not a URL"),
			Advice: "write endpoint=https://HOST"}
	}
	lookup := minio.BucketLookupAuto
	if l.PathStyle || loopback.Is(u.Hostname()) {
		lookup = minio.BucketLookupPath
	}
	transport := newTransport()
	client, err := minio.New(u.Host, &minio.Options{
		Creds: newCredentials(getenv), Secure: u.Scheme == "https", Transport: listChecker{transport}, Region: region,
		BucketLookup: lookup, MaxRetries: 1, // a repeated Create would fail because of its own object
	})
	if err != nil {
		return nil, &state.Problem{Err: fmt.Errorf("open the state %s: %w", l, err), Advice: "check the bucket's name and " +
			"the endpoint"}
	}
	client.SetAppInfo("orgsync", "")
	prefix := l.Prefix
	if prefix != "" {
		prefix += "/"
	}
	return &bucket{client: client, name: l.Bucket, prefix: prefix, place: l.String()}, nil
}

func newTransport() *http.Transport {
	dialer := &net.Dialer{Timeout: 5 * time.Second, KeepAlive: 30 * time.Second}
	return &http.Transport{
		Proxy: http.ProxyFromEnvironment, DialContext: dialer.DialContext, TLSHandshakeTimeout: 5 * time.Second,
		TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12}, MaxIdleConnsPerHost: 32, IdleConnTimeout: time.Minute,
		ResponseHeaderTimeout: 30 * time.Second, DisableCompression: true,
	}
}

// listChecker passes requests to a transport. It returns an error for a list that is another document with status 200,
// such as an error of the storage or the page of a proxy: minio-go would take it for an empty list.
type listChecker struct{ http.RoundTripper }

// RoundTrip sends a request, and checks the answer.
func (c listChecker) RoundTrip(r *http.Request) (*http.Response, error) {
	res, err := c.RoundTripper.RoundTrip(r)
	if err != nil || res.StatusCode != http.StatusOK || !r.URL.Query().Has("list-type") {
		return res, err
	}
	body := bufio.NewReader(res.Body)
	if head, _ := body.Peek(maxListHead); !bytes.Contains(head, []byte("ListBucketResult")) {
		_ = res.Body.Close()
		return nil, errors.New("the answer is not a list of objects")
	}
	res.Body = struct {
		io.Reader
		io.Closer
	}{body, res.Body}
	return res, nil
}

// newCredentials returns the standard AWS chain. The role of a virtual machine is last in the chain,
// because it needs a request to the network. AWS_EC2_METADATA_DISABLED=true turns this request off.
func newCredentials(getenv func(string) string) *credentials.Credentials {
	chain := []credentials.Provider{&credentials.EnvAWS{}, &credentials.FileAWSCredentials{}}
	hasIdentity := getenv("AWS_WEB_IDENTITY_TOKEN_FILE") != "" ||
		getenv("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI") != "" || getenv("AWS_CONTAINER_CREDENTIALS_FULL_URI") != ""
	if hasIdentity {
		chain = append(chain, &credentials.IAM{Client: &http.Client{Timeout: 10 * time.Second}})
	} else if !strings.EqualFold(getenv("AWS_EC2_METADATA_DISABLED"), "true") {
		chain = append(chain, &credentials.IAM{Client: &http.Client{Timeout: metadataTimeout}})
	}
	return credentials.NewChainCredentials(chain)
}

func (b *bucket) Place() string { return b.place }

// MayIgnoreConditions returns true, because some storages ignore the condition.
func (b *bucket) MayIgnoreConditions() bool { return true }

func (b *bucket) Create(ctx context.Context, key string, data ...[]byte) error {
	o := putOptions()
	o.SetMatchETagExcept("*")
	return b.put(ctx, key, o, data...)
}

func (b *bucket) Put(ctx context.Context, key string, data []byte) error {
	return b.put(ctx, key, putOptions(), data)
}

func putOptions() minio.PutObjectOptions {
	return minio.PutObjectOptions{ContentType: "application/octet-stream", DisableMultipart: true}
}

// put makes an object. A storage names the ETag of an object that it has made; a proxy does not.
func (b *bucket) put(ctx context.Context, key string, o minio.PutObjectOptions, data ...[]byte) error {
	var pieces []io.Reader
	for _, piece := range data {
		pieces = append(pieces, bytes.NewReader(piece))
	}
	info, err := b.client.PutObject(ctx, b.name, b.prefix+key, io.MultiReader(pieces...),
		int64(objects.Size(data)), o)
	if err == nil && info.ETag == "" {
		return fmt.Errorf("%w: the answer names no ETag", objects.ErrUnknown)
	}
	return b.explain("s3:PutObject", err)
}

func (b *bucket) Get(ctx context.Context, key string) ([]byte, error) {
	object, info, _, err := minio.Core{Client: b.client}.GetObject(ctx, b.name, b.prefix+key, minio.GetObjectOptions{})
	if err != nil {
		return nil, b.explain("s3:GetObject", err)
	}
	defer object.Close()
	var data bytes.Buffer
	data.Grow(int(min(max(0, info.Size), maxReserved)) + bytes.MinRead) // so that a large base is not copied repeatedly
	_, err = data.ReadFrom(io.LimitReader(object, maxObject+1))
	switch {
	case err != nil:
		return nil, b.explain("s3:GetObject", err)
	case data.Len() > maxObject:
		return nil, fmt.Errorf("read the object %s: it has more than %d bytes", key, maxObject)
	}
	return data.Bytes(), nil
}

func (b *bucket) List(ctx context.Context, prefix, after string, limit int) ([]objects.Info, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // ends the listing
	o := minio.ListObjectsOptions{Prefix: b.prefix + prefix, Recursive: true, MaxKeys: limit}
	if after != "" {
		o.StartAfter = b.prefix + after
	}
	var infos []objects.Info
	for info := range b.client.ListObjectsIter(ctx, b.name, o) {
		if info.Err != nil {
			return nil, b.explain("s3:ListBucket", info.Err)
		}
		infos = append(infos, objects.Info{
			Key: strings.TrimPrefix(info.Key, b.prefix), Size: info.Size, Modified: info.LastModified,
		})
		if limit > 0 && len(infos) == limit {
			break
		}
	}
	return infos, nil
}

func (b *bucket) Delete(ctx context.Context, key string) error {
	err := b.client.RemoveObject(ctx, b.name, b.prefix+key, minio.RemoveObjectOptions{})
	return b.explain("s3:DeleteObject", err)
}

// explain returns err as one of the errors that [objects.Objects] names, or with advice. operation is the
// permission that the request needs.
func (b *bucket) explain(operation string, err error) error {
	if err == nil {
		return nil
	}
	answer := minio.ToErrorResponse(err)
	problem := func(text, advice string) error {
		return &state.Problem{Err: errors.New(text + " (" + cmp.Or(answer.Code, answer.Message) + ")"), Advice: advice}
	}
	denied := func() error {
		return problem("the credentials may not do "+operation+" in the bucket "+b.name,
			"give them s3:ListBucket on the bucket, and s3:GetObject, s3:PutObject and s3:DeleteObject below the prefix")
	}
	switch answer.Code {
	case "PreconditionFailed":
		return objects.ErrExists
	case "ConditionalRequestConflict", "OperationAborted", "SlowDown", "RequestTimeout", "InternalError",
		"ServiceUnavailable":
		return fmt.Errorf("%w: %s", objects.ErrUnknown, answer.Code)
	case "NoSuchKey":
		return objects.ErrNotFound
	case "NoSuchBucket":
		return problem("there is no bucket "+b.name, "make the bucket, or correct its name and the endpoint")
	case "InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "InvalidToken", "InvalidClientTokenId",
		"TokenRefreshRequired":
		return problem("the storage does not accept the credentials",
			"check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (or the profile or role), and that they belong to this endpoint")
	case "AccessDenied", "AllAccessDisabled", "AccountProblem", "Forbidden":
		if value, credErr := b.client.GetCreds(); credErr == nil && value.SignerType.IsAnonymous() {
			return problem("there are no credentials for the storage",
				"set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or run where a profile or a role gives them")
		}
		return denied()
	case "AuthorizationHeaderMalformed", "PermanentRedirect", "IllegalLocationConstraintException", "InvalidRegion":
		return problem("the bucket "+b.name+" is in another region", "add region=REGION to the URL of the state")
	case "RequestTimeTooSkewed":
		return problem("this machine's clock is wrong", "set the clock: the storage accepts 15 minutes of difference")
	case "NotImplemented":
		return problem("the storage does not support "+operation+", or does not support it with a condition",
			"use a storage that supports conditional writes (If-None-Match: *), or PostgreSQL")
	}
	switch {
	case answer.StatusCode == http.StatusPreconditionFailed:
		return objects.ErrExists
	case answer.StatusCode == http.StatusConflict, answer.StatusCode == http.StatusTooManyRequests,
		answer.StatusCode == http.StatusRequestTimeout, answer.StatusCode >= 500:
		return fmt.Errorf("%w: HTTP %d", objects.ErrUnknown, answer.StatusCode)
	case answer.StatusCode == http.StatusNotFound && operation == "s3:GetObject":
		return objects.ErrNotFound
	case answer.StatusCode == http.StatusForbidden:
		return denied()
	case answer.StatusCode >= 400:
		return fmt.Errorf("%s in the bucket %s: HTTP %d: %s", operation, b.name, answer.StatusCode,
			cmp.Or(answer.Message, answer.Code))
	case errors.Is(err, os.ErrPermission):
		return err
	}
	return fmt.Errorf("%w: %w", objects.ErrUnknown, err) // no answer came
}
