//go:build e2e

package clients

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	miniogo "github.com/minio/minio-go/v7"
)

// TestErrors provokes the errors that docs/tenants.md explains, and wants the page to have
// the words of each.
func TestErrors(t *testing.T) {
	page, err := os.ReadFile(filepath.Join(scripts, "../../../docs/tenants.md"))
	if err != nil {
		t.Fatal(err)
	}

	_, section, _ := strings.Cut(string(page), "\n## What errors mean\n")
	section, _, _ = strings.Cut(section, "\n## ")

	// explained are the words of each row by its first words.
	explained := map[string]*regexp.Regexp{}

	for line := range strings.Lines(section) {
		cell, _, _ := strings.Cut(strings.TrimPrefix(line, "| `"), " |")
		cell, _, _ = strings.Cut(cell, "`, with")

		if words := strings.Split(strings.TrimSuffix(cell, "`"), "`, `"); strings.HasPrefix(line, "| `") {
			explained[words[0]] = regexp.MustCompile(strings.Join(words, "|"))
		}
	}

	provoked := provocations(t)
	for row := range explained {
		if provoked[row] == nil {
			t.Errorf("want no row for what is not provoked, got %q", row)
		}
	}

	for row, provoke := range provoked {
		for name, err := range provoke(t.Context()) {
			if err == nil || explained[row] == nil || !explained[row].MatchString(err.Error()) {
				t.Errorf("%s: want an error that the row %q explains, got %v", name, row, err)
			}
		}
	}
}

// provocations returns what leads to each error of the page, by the first words of its row.
func provocations(t *testing.T) map[string]func(ctx context.Context) map[string]error {
	t.Helper()

	// put uploads with a Secret of which some keys are changed.
	put := func(ctx context.Context, secret, key string, changes map[string]string) error {
		data := maps.Clone(issued[secret])
		for k, v := range changes {
			data[k] = []byte(v)
		}

		s := newSession(t, minioGo, data)
		_, err := s.s3().FPutObject(ctx, s.bucket(), key, s.file(t, "file", 1, 200<<10), miniogo.PutObjectOptions{})

		return words(err)
	}
	one := func(f func(ctx context.Context) error) func(ctx context.Context) map[string]error {
		return func(ctx context.Context) map[string]error { return map[string]error{"minio-go": f(ctx)} }
	}

	return map[string]func(ctx context.Context) map[string]error{
		"AccessDenied": func(ctx context.Context) map[string]error {
			return map[string]error{
				"reader":        put(ctx, reader, "errors", nil),
				"other bucket":  put(ctx, writer, "errors", map[string]string{"BUCKET_NAME": string(issued[other]["BUCKET_NAME"])}),
				"no bucket":     put(ctx, writer, "errors", map[string]string{"BUCKET_NAME": "no-such-bucket"}),
				"change policy": words(newSession(t, minioGo, issued[writer]).s3().SetBucketPolicy(ctx, string(issued[writer]["BUCKET_NAME"]), "{}")),
			}
		},
		"SignatureDoesNotMatch": func(ctx context.Context) map[string]error {
			return map[string]error{
				"after overlap": put(ctx, ended, "errors", nil),
				"wrong key":     put(ctx, writer, "errors", map[string]string{"AWS_SECRET_ACCESS_KEY": "wrong-secret-key"}),
			}
		},
		"InvalidAccessKeyId": one(func(ctx context.Context) error {
			return put(ctx, writer, "errors", map[string]string{"AWS_ACCESS_KEY_ID": "CSTNUNKNOWN"})
		}),
		// minio-go corrects the region by itself, and a server without a region takes any.
		"AuthorizationHeaderMalformed": func(ctx context.Context) map[string]error {
			if issued[otherRegion] == nil {
				t.Logf("no Secret %s is issued here", otherRegion)

				return nil
			}

			data := maps.Clone(issued[otherRegion])
			data["AWS_REGION"] = []byte("eu-wrong-1")
			_, err := newSession(t, curl, data).do(ctx, "list", "any")

			return map[string]error{"curl": err}
		},
		"XMinioAdminBucketQuotaExceeded": one(func(ctx context.Context) error { return put(ctx, full, "errors", nil) }),
		"Object is WORM protected": one(func(ctx context.Context) error {
			s := newSession(t, minioGo, issued[locked])

			o, err := s.s3().FPutObject(ctx, s.bucket(), "errors", s.file(t, "file", 1, 10), miniogo.PutObjectOptions{})
			if err != nil {
				return err
			}

			return words(s.s3().RemoveObject(ctx, s.bucket(), "errors", miniogo.RemoveObjectOptions{VersionID: o.VersionID}))
		}),
		"XMinioInvalidObjectName": func(ctx context.Context) map[string]error {
			return map[string]error{
				"long segment": put(ctx, writer, strings.Repeat("a", 256), nil),
				"two slashes":  put(ctx, writer, "a//b", nil),
				"dots":         put(ctx, writer, "a/../b", nil),
			}
		},
		"certificate signed by unknown authority": func(ctx context.Context) map[string]error {
			return strangers(ctx, t, mc, boto3, sdkJS, curl)
		},
		"Could not resolve host": func(ctx context.Context) map[string]error {
			s := newSession(t, curl, issued[writer])
			host := string(s.data["BUCKET_NAME"]) + ".minio.minio.svc.invalid"
			_, err := s.shell(ctx, `curl "https://$1/"`, host)

			return map[string]error{"curl": err}
		},
	}
}

// words returns an error with the code of the server's answer and its message.
func words(err error) error {
	if err == nil {
		return nil
	}

	if r := miniogo.ToErrorResponse(err); r.Code != "" {
		return fmt.Errorf("%s: %w", r.Code, err)
	}

	return err
}

// strangers returns what clients say that were not told the server's certificate authority.
func strangers(ctx context.Context, t *testing.T, clients ...*client) map[string]error {
	t.Helper()

	said := map[string]error{}

	for _, c := range clients {
		if err := found.lacks(c); err != nil {
			t.Logf("%s is skipped: %v", c.name, err)
			continue
		}

		s := newSession(t, c, issued[writer])
		_, said[c.name] = s.run(ctx, s.env, c.operations["list"], "any")

		if said[c.name] == nil {
			said[c.name] = errors.New("no error")
		}
	}

	return said
}
