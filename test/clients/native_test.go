//go:build e2e

package clients

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	miniogo "github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
	"golang.org/x/mod/modfile"
	"golang.org/x/mod/module"
)

// native is an operation of a client that is linked into this test.
type native func(ctx context.Context, s *session, args ...string) (string, error)

var minioGo = &client{
	name: "minio-go", names: true, refused: "Access Denied",
	more: "host, keys and the CA's pool in code",
	native: map[string]native{
		"put": func(ctx context.Context, s *session, a ...string) (string, error) {
			_, err := s.s3().FPutObject(ctx, s.bucket(), a[1], a[0], miniogo.PutObjectOptions{})
			return "", err
		},
		"get": func(ctx context.Context, s *session, a ...string) (string, error) {
			return "", s.s3().FGetObject(ctx, s.bucket(), a[0], a[1], miniogo.GetObjectOptions{})
		},
		"head": func(ctx context.Context, s *session, a ...string) (string, error) {
			o, err := s.s3().StatObject(ctx, s.bucket(), a[0], miniogo.StatObjectOptions{})
			return fmt.Sprint(o.Size), err
		},
		"copy": func(ctx context.Context, s *session, a ...string) (string, error) {
			return "", s.copyTo(ctx, a[0], a[1])
		},
		"move": func(ctx context.Context, s *session, a ...string) (string, error) {
			if err := s.copyTo(ctx, a[0], a[1]); err != nil {
				return "", err
			}

			return "", s.s3().RemoveObject(ctx, s.bucket(), a[0], miniogo.RemoveObjectOptions{})
		},
		"delete": func(ctx context.Context, s *session, a ...string) (string, error) {
			return "", s.s3().RemoveObject(ctx, s.bucket(), a[0], miniogo.RemoveObjectOptions{})
		},
		"list": func(ctx context.Context, s *session, a ...string) (string, error) {
			return s.list(ctx, miniogo.ListObjectsOptions{Prefix: a[0], Recursive: true}, func(o miniogo.ObjectInfo) string { return o.Key })
		},
		"presignGet": func(ctx context.Context, s *session, a ...string) (string, error) {
			u, err := s.s3().PresignedGetObject(ctx, s.bucket(), a[0], time.Hour, url.Values{})
			return fmt.Sprint(u), err
		},
		"presignPut": func(ctx context.Context, s *session, a ...string) (string, error) {
			u, err := s.s3().PresignedPutObject(ctx, s.bucket(), a[0], time.Hour)
			return fmt.Sprint(u), err
		},
		"versions": func(ctx context.Context, s *session, a ...string) (string, error) {
			return s.list(ctx, miniogo.ListObjectsOptions{Prefix: a[0], Recursive: true, WithVersions: true}, func(o miniogo.ObjectInfo) string { return o.VersionID })
		},
		"getVersion": func(ctx context.Context, s *session, a ...string) (string, error) {
			return "", s.s3().FGetObject(ctx, s.bucket(), a[0], a[2], miniogo.GetObjectOptions{VersionID: a[1]})
		},
		"deleteVersion": func(ctx context.Context, s *session, a ...string) (string, error) {
			return "", s.s3().RemoveObject(ctx, s.bucket(), a[0], miniogo.RemoveObjectOptions{VersionID: a[1]})
		},
		"retention": func(ctx context.Context, s *session, a ...string) (string, error) {
			mode, until, err := s.s3().GetObjectRetention(ctx, s.bucket(), a[0], "")
			if err != nil {
				return "", err
			}

			return mode.String() + " " + until.String(), nil
		},
		"presignPost": nativeForm, "hold": nativeHold, "settings": nativeSettings,
	},
}

func nativeForm(ctx context.Context, s *session, a ...string) (string, error) {
	policy := miniogo.NewPostPolicy()
	if err := errors.Join(policy.SetBucket(s.bucket()), policy.SetKey(a[0]), policy.SetExpires(time.Now().Add(time.Hour))); err != nil {
		return "", err
	}

	u, fields, err := s.s3().PresignedPostPolicy(ctx, policy)
	if err != nil {
		return "", err
	}

	out, err := json.Marshal(map[string]any{"url": u.String(), "fields": fields})

	return string(out), err
}

func nativeHold(ctx context.Context, s *session, a ...string) (string, error) {
	var out string

	for _, status := range []miniogo.LegalHoldStatus{miniogo.LegalHoldEnabled, miniogo.LegalHoldDisabled} {
		if err := s.s3().PutObjectLegalHold(ctx, s.bucket(), a[0], miniogo.PutObjectLegalHoldOptions{Status: &status}); err != nil {
			return "", err
		}

		got, err := s.s3().GetObjectLegalHold(ctx, s.bucket(), a[0], miniogo.GetObjectLegalHoldOptions{})
		if err != nil {
			return "", err
		}

		out += got.String() + "\n"
	}

	return out, nil
}

func nativeSettings(ctx context.Context, s *session, _ ...string) (string, error) {
	versioning, err := s.s3().GetBucketVersioning(ctx, s.bucket())
	if err != nil {
		return "", err
	}

	_, mode, _, _, err := s.s3().GetObjectLockConfig(ctx, s.bucket())
	if err != nil {
		return "", err
	}

	return versioning.Status + " " + mode.String(), nil
}

// pinnedVersion returns the version of a module that a go.mod of the clone requires: of
// minio-go, which is linked into this test, and of mc, which does not report the one that
// it was built from.
func pinnedVersion(gomod, path string) (string, error) {
	b, err := os.ReadFile(filepath.Join(scripts, "..", "..", "..", gomod))
	if err != nil {
		return "", err
	}

	f, err := modfile.ParseLax("go.mod", b, nil)
	if err != nil {
		return "", err
	}

	for _, r := range f.Require {
		if r.Mod.Path != path {
			continue
		}

		if t, err := modulePseudoTime(r.Mod.Version); err == nil {
			return t, nil
		}

		return strings.TrimPrefix(r.Mod.Version, "v"), nil
	}

	return "", fmt.Errorf("%s does not require %s", gomod, path)
}

// modulePseudoTime returns the day of a version without a release.
func modulePseudoTime(version string) (string, error) {
	t, err := module.PseudoVersionTime(version)
	return t.Format(time.DateOnly), err
}

func (s *session) bucket() string { return string(s.data["BUCKET_NAME"]) }

// s3 returns a client of minio-go with the Secret.
func (s *session) s3() *miniogo.Client {
	u, err := url.Parse(string(s.data["AWS_ENDPOINT_URL_S3"]))
	if err != nil {
		panic(err)
	}

	c, err := miniogo.New(u.Host, &miniogo.Options{
		Creds:  credentials.NewStaticV4(string(s.data["AWS_ACCESS_KEY_ID"]), string(s.data["AWS_SECRET_ACCESS_KEY"]), ""),
		Secure: u.Scheme == "https", Transport: transport(s.data), Region: string(s.data["AWS_REGION"]), MaxRetries: 1,
	})
	if err != nil {
		panic(err)
	}

	return c
}

// transport returns an HTTP transport that trusts the CA of a Secret, and no other.
func transport(data map[string][]byte) *http.Transport {
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(data["ca.crt"])

	return &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}}
}

func (s *session) copyTo(ctx context.Context, from, to string) error {
	_, err := s.s3().CopyObject(ctx, miniogo.CopyDestOptions{Bucket: s.bucket(), Object: to}, miniogo.CopySrcOptions{Bucket: s.bucket(), Object: from})
	return err
}

func (s *session) list(ctx context.Context, o miniogo.ListObjectsOptions, line func(miniogo.ObjectInfo) string) (string, error) {
	var b strings.Builder

	for object := range s.s3().ListObjects(ctx, s.bucket(), o) {
		if object.Err != nil {
			return "", object.Err
		}

		b.WriteString(line(object) + "\n")
	}

	return b.String(), nil
}
