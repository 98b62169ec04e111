package v1alpha1

import (
	"fmt"
	"maps"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// ca is a certificate as far as a connection Secret is concerned.
const ca = "-----BEGIN CERTIFICATE-----\nMIIBszCCAVmgAwIBAgIUQ2lzdGVybg==\n-----END CERTIFICATE-----\n"

// TestConnectionDetails pins every key of a connection Secret, byte by byte. The files
// are written by hand, because applications depend on each of them. A value's lines are
// indented; an empty line follows a value that ends with a line break.
func TestConnectionDetails(t *testing.T) {
	cases := map[string]struct {
		reason string
		c      Connection
	}{
		"Bucket": {
			reason: "A user with a bucket gets every format.",
			c: Connection{
				Endpoint: "https://s3.example.org", Region: "eu-1", CACertificates: ca,
				AccessKeyID: "AKID", SecretAccessKey: "SECRET", BucketName: "photos",
			},
		},
		"NoBucket": {
			reason: "Without a grant no bucket is named. Without TLS no authority is named, and s3cmd is configured for http.",
			c: Connection{
				Endpoint: "http://minio:9000", CACertificates: ca,
				AccessKeyID: "AKID", SecretAccessKey: "SECRET",
			},
		},
	}

	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			var got strings.Builder

			d := tc.c.Details()
			for _, k := range slices.Sorted(maps.Keys(d)) {
				fmt.Fprintf(&got, "%s:\n", k)

				for line := range strings.SplitAfterSeq(string(d[k]), "\n") {
					if line != "" {
						got.WriteString("  ")
					}

					got.WriteString(line)
				}

				got.WriteString("\n")
			}

			want, err := os.ReadFile(filepath.Join("testdata", "connection", strings.ToLower(name)+".txt"))
			if err != nil {
				t.Fatal(err)
			}

			if diff := cmp.Diff(string(want), got.String()); diff != "" {
				t.Errorf("%s\nDetails(): -want, +got:\n%s", tc.reason, diff)
			}
		})
	}
}

// TestConnectionEndpoint wants an endpoint to be published in the one form that every
// client signs as it sends it.
func TestConnectionEndpoint(t *testing.T) {
	type parts struct{ url, authority, host, port, mc, restic string }

	cases := map[string]struct {
		reason   string
		endpoint string
		want     parts
	}{
		"Plain": {
			reason: "A canonical endpoint is published as it is.", endpoint: "https://s3.example.org:9000",
			want: parts{
				url: "https://s3.example.org:9000", authority: "s3.example.org:9000", host: "s3.example.org", port: "9000",
				mc: "https://ID:KEY@s3.example.org:9000", restic: "s3:https://s3.example.org:9000/photos",
			},
		},
		"TrailingSlash": {
			reason: "A trailing slash is dropped.", endpoint: "http://s3.example.org/",
			want: parts{
				url: "http://s3.example.org", authority: "s3.example.org", host: "s3.example.org", port: "80",
				mc: "http://ID:KEY@s3.example.org", restic: "s3:http://s3.example.org/photos",
			},
		},
		"DefaultPortOfHTTPS": {
			reason: "Some clients sign the default port, and do not send it.", endpoint: "https://s3.example.org:443/",
			want: parts{
				url: "https://s3.example.org", authority: "s3.example.org", host: "s3.example.org", port: "443",
				mc: "https://ID:KEY@s3.example.org", restic: "s3:https://s3.example.org/photos",
			},
		},
		"DefaultPortOfHTTP": {
			reason: "Each scheme has a default port.", endpoint: "http://s3.example.org:80",
			want: parts{
				url: "http://s3.example.org", authority: "s3.example.org", host: "s3.example.org", port: "80",
				mc: "http://ID:KEY@s3.example.org", restic: "s3:http://s3.example.org/photos",
			},
		},
		"PortOfAnotherScheme": {
			reason: "The default port of another scheme is kept.", endpoint: "http://s3.example.org:443",
			want: parts{
				url: "http://s3.example.org:443", authority: "s3.example.org:443", host: "s3.example.org", port: "443",
				mc: "http://ID:KEY@s3.example.org:443", restic: "s3:http://s3.example.org:443/photos",
			},
		},
		"UpperCase": {
			reason: "Some clients send the host in lower case, and sign it as it is written.", endpoint: "HTTPS://S3.Example.ORG",
			want: parts{
				url: "https://s3.example.org", authority: "s3.example.org", host: "s3.example.org", port: "443",
				mc: "https://ID:KEY@s3.example.org", restic: "s3:https://s3.example.org/photos",
			},
		},
		"IPv6": {
			reason: "The address keeps its brackets, so that a port can follow it.", endpoint: "https://[FD00::A]:9000",
			want: parts{
				url: "https://[fd00::a]:9000", authority: "[fd00::a]:9000", host: "[fd00::a]", port: "9000",
				mc: "https://ID:KEY@[fd00::a]:9000", restic: "s3:https://[fd00::a]:9000/photos",
			},
		},
		"IPv6DefaultPort": {
			reason: "Brackets without a port are no port.", endpoint: "https://[fd00::443]:443",
			want: parts{
				url: "https://[fd00::443]", authority: "[fd00::443]", host: "[fd00::443]", port: "443",
				mc: "https://ID:KEY@[fd00::443]", restic: "s3:https://[fd00::443]/photos",
			},
		},
	}

	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			d := Connection{Endpoint: tc.endpoint, AccessKeyID: "ID", SecretAccessKey: "KEY", BucketName: "photos"}.Details()

			got := parts{
				url: string(d["AWS_ENDPOINT_URL_S3"]), authority: string(d["endpoint"]), host: string(d["BUCKET_HOST"]),
				port: string(d["BUCKET_PORT"]), mc: string(d["MC_HOST_s3"]), restic: string(d["RESTIC_REPOSITORY"]),
			}
			if diff := cmp.Diff(tc.want, got, cmp.AllowUnexported(parts{})); diff != "" {
				t.Errorf("%s\nDetails(): -want, +got:\n%s", tc.reason, diff)
			}

			for _, key := range []string{"credentials", "config", "rclone.conf"} {
				if !strings.Contains(string(d[key]), " = "+tc.want.url+"\n") {
					t.Errorf("%s\n%s: want endpoint %s, got:\n%s", tc.reason, key, tc.want.url, d[key])
				}
			}
		})
	}
}

// TestConnectionLeavesOut wants a Secret without what clients could not use.
func TestConnectionLeavesOut(t *testing.T) {
	cases := map[string]struct {
		reason string
		change func(c *Connection)
		absent []string
	}{
		"NoAuthority": {
			reason: "Without a CA bundle clients trust what their system trusts.",
			change: func(c *Connection) { c.CACertificates = "" }, absent: []string{"ca.crt", "COSI_CERTIFICATE_AUTHORITY"},
		},
		"ManyAuthorities": {
			reason: "No program can be started with a variable of more than 128 KiB.",
			change: func(c *Connection) { c.CACertificates = strings.Repeat(ca, 1000) }, absent: []string{"ca.crt", "COSI_CERTIFICATE_AUTHORITY"},
		},
		"WithoutTLS": {
			reason: "There is no certificate to verify.",
			change: func(c *Connection) { c.Endpoint = "http://minio:9000" }, absent: []string{"ca.crt", "COSI_CERTIFICATE_AUTHORITY"},
		},
		"ColonInKey": {
			reason: "mc would read what follows the colon as the secret key.",
			change: func(c *Connection) { c.AccessKeyID = "team:a" }, absent: []string{"MC_HOST_s3"},
		},
		"AtInKey": {
			reason: "mc would read what follows as the host.",
			change: func(c *Connection) { c.AccessKeyID = "team@a" }, absent: []string{"MC_HOST_s3"},
		},
		"NoBucket": {
			reason: "A user without a grant has no bucket.",
			change: func(c *Connection) { c.BucketName = "" },
			absent: []string{"BUCKET_NAME", "COSI_S3_BUCKET_ID", "RESTIC_REPOSITORY", "bucketName"},
		},
		// Not one of our keys: rclone does not start where it is set.
		"Nothing": {reason: "The path of a mounted file is not known.", change: func(*Connection) {}, absent: []string{"AWS_CA_BUNDLE"}},
	}

	whole := func() Connection {
		return Connection{Endpoint: "https://minio:9000", CACertificates: ca, AccessKeyID: "ID", SecretAccessKey: "KEY", BucketName: "photos"}
	}

	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			c := whole()
			tc.change(&c)

			want := slices.DeleteFunc(slices.Sorted(maps.Keys(whole().Details())), func(k string) bool { return slices.Contains(tc.absent, k) })
			if diff := cmp.Diff(want, slices.Sorted(maps.Keys(c.Details()))); diff != "" {
				t.Errorf("%s\nDetails(): -want keys, +got keys:\n%s", tc.reason, diff)
			}
		})
	}
}

// plain matches text that needs no escape in a URL, an INI file or a shell.
var plain = regexp.MustCompile(`^[A-Za-z0-9]*$`)

// FuzzConnectionDetails wants each value without a line break to stay within its line
// of a file, each file with credentials to hold the secret key, and a key that needs no
// escape to be the one that a URL holds.
func FuzzConnectionDetails(f *testing.F) {
	const issued = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"

	f.Add("https://s3.example.org", "eu-1", "AKID", "SECRET", "photos")
	f.Add("https://S3.Example.ORG:443/", "", issued, issued, "photos")
	f.Add("http://[::1]:80", "us-east-1", issued, issued, "a.b-c")
	f.Add("http://[fe80::1%25eth0]:9000/", "us-east-1", issued, issued, "")
	f.Add("https://s3.example.org:/", "us-east-1", issued, issued, "")
	f.Add("://", "", "[default]", "a = b", "%s")
	f.Add("http://[::1]:9000/", "#", ";", "\"", "'")
	f.Add("https://:443", "$(id)", "a:b", "a@b", "`id`")

	f.Fuzz(func(t *testing.T, endpoint, region, accessKey, secretKey, bucket string) {
		for _, s := range []string{endpoint, region, accessKey, secretKey, bucket} {
			if strings.ContainsAny(s, "\r\n") {
				t.Skip()
			}
		}

		c := Connection{Endpoint: endpoint, Region: region, AccessKeyID: accessKey, SecretAccessKey: secretKey, BucketName: bucket}
		d := c.Details()

		for file, lines := range map[string]int{
			ConnectionKeyAWSFile: 7, ConnectionKeyAWSConfigFile: 7, ConnectionKeyVeleroFile: 7, ConnectionKeyRcloneFile: 8, ConnectionKeyS3cmdFile: 10,
		} {
			if got := strings.Count(string(d[file]), "\n"); got > lines {
				t.Errorf("%s: want at most %d lines, got %d:\n%s", file, lines, got, d[file])
			}

			if file != ConnectionKeyAWSConfigFile && secretKey != "" && !strings.Contains(string(d[file]), " = "+secretKey+"\n") {
				t.Errorf("%s: want the secret key in it", file)
			}
		}

		if _, ok := d[ConnectionKeyBucketName]; ok != (bucket != "") {
			t.Errorf("%s: want it with a bucket only, got it: %t", ConnectionKeyBucketName, ok)
		}

		for _, k := range []string{"AWS_REGION", "AWS_DEFAULT_REGION", "COSI_S3_REGION"} {
			if len(d[k]) == 0 {
				t.Errorf("%s: want a region", k)
			}
		}

		wantCanonicalEndpoint(t, c, d)
	})
}

// wantCanonicalEndpoint wants the endpoint of a connection to be canonical, and its
// parts to lead to the same host and port, if the endpoint is one at all.
func wantCanonicalEndpoint(t *testing.T, c Connection, d map[string][]byte) {
	t.Helper()

	before, err := url.Parse(c.Endpoint)
	if err != nil || before.Hostname() == "" || (before.Scheme != "http" && before.Scheme != "https") {
		return
	}

	published := string(d["AWS_ENDPOINT_URL_S3"])
	again := Connection{Endpoint: published, AccessKeyID: c.AccessKeyID, SecretAccessKey: c.SecretAccessKey}.Details()

	after, err := url.Parse(published)
	if err != nil || string(again["AWS_ENDPOINT_URL_S3"]) != published {
		t.Fatalf("endpoint %q: want a URL that is published as it is, got %q, then %q, %v", c.Endpoint, published, again["AWS_ENDPOINT_URL_S3"], err)
	}

	if !strings.EqualFold(after.Hostname(), before.Hostname()) || strings.HasSuffix(published, "/") || after.Scheme != before.Scheme {
		t.Errorf("endpoint %q: want the same host without a trailing slash, got %q", c.Endpoint, published)
	}

	wantPort := before.Port()
	if wantPort == "" {
		wantPort = map[string]string{"http": "80", "https": "443"}[before.Scheme]
	}

	if got := net.JoinHostPort(strings.Trim(string(d["BUCKET_HOST"]), "[]"), string(d["BUCKET_PORT"])); got != net.JoinHostPort(after.Hostname(), wantPort) {
		t.Errorf("endpoint %q: BUCKET_HOST and BUCKET_PORT lead to %s", c.Endpoint, got)
	}

	if !plain.MatchString(c.AccessKeyID) || !plain.MatchString(c.SecretAccessKey) {
		return
	}

	mc, err := url.Parse(string(d["MC_HOST_s3"]))
	if err != nil {
		t.Fatalf("MC_HOST_s3: %v", err)
	}

	if secret, _ := mc.User.Password(); mc.User.Username() != c.AccessKeyID || secret != c.SecretAccessKey || mc.Host != after.Host {
		t.Errorf("MC_HOST_s3: want the key and host of %q, got %q", published, mc)
	}
}
