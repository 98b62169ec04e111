package v1alpha1

import (
	"fmt"
	"net/url"
	"strings"
)

// endpoint is the canonical form of an endpoint's URL, and its parts.
type endpoint struct {
	// url has neither the default port of its scheme nor a trailing slash.
	url string
	// authority is the host, and the port unless it is the default.
	authority string
	host      string
	// port is never left out.
	port   string
	secure bool
}

// parseEndpoint returns the parts of an endpoint. One that is not an http or https URL
// is returned as it is.
func parseEndpoint(raw string) endpoint {
	u, err := url.Parse(raw)
	if err != nil || u.Hostname() == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return endpoint{url: raw, authority: raw, host: raw}
	}

	e := endpoint{secure: u.Scheme == "https", port: "80"}
	if e.secure {
		e.port = "443"
	}

	e.host = strings.ToLower(strings.TrimSuffix(u.Host, ":"+u.Port()))
	e.authority = e.host

	if p := u.Port(); p != "" && p != e.port {
		e.port, e.authority = p, e.host+":"+p
	}

	e.url = (&url.URL{Scheme: u.Scheme, Host: e.authority, Path: strings.TrimRight(u.Path, "/")}).String()

	return e
}

// mcHost returns an alias of mc; empty if mc would read it as another one.
func (c Connection) mcHost(e endpoint) string {
	key := c.AccessKeyID + c.SecretAccessKey

	scheme, authority, found := strings.Cut(e.url, "://")
	if !found || url.PathEscape(key) != key || strings.ContainsAny(key, ":@") {
		return ""
	}

	return scheme + "://" + c.AccessKeyID + ":" + c.SecretAccessKey + "@" + authority
}

func (c Connection) awsFile() string {
	return section("default", [][2]string{
		{"aws_access_key_id", c.AccessKeyID},
		{"aws_secret_access_key", c.SecretAccessKey},
		{"region", c.Region},
		{"endpoint_url", c.Endpoint},
		{"request_checksum_calculation", checksums},
		{"response_checksum_validation", checksums},
	})
}

func (c Connection) awsConfigFile() string {
	return section("default", [][2]string{
		{"region", c.Region},
		{"endpoint_url", c.Endpoint},
		{"request_checksum_calculation", checksums},
		{"response_checksum_validation", checksums},
	}) + "s3 =\n  addressing_style = path\n"
}

func (c Connection) rcloneFile() string {
	return section("s3", [][2]string{
		{"type", "s3"},
		{"provider", "Minio"},
		{"access_key_id", c.AccessKeyID},
		{"secret_access_key", c.SecretAccessKey},
		{"endpoint", c.Endpoint},
		{"region", c.Region},
		// The key must not create buckets; rclone would try to otherwise.
		{"no_check_bucket", "true"},
	})
}

func (c Connection) s3cmdFile(e endpoint) string {
	settings := [][2]string{
		{"access_key", c.AccessKeyID},
		{"secret_key", c.SecretAccessKey},
		{"host_base", e.authority},
		// MinIO expects the bucket in the path, not in the host name.
		{"host_bucket", e.authority},
		{"bucket_location", c.Region},
		// Unless this is set, s3cmd copies the ACL of an object that it copies, which
		// MinIO does not allow.
		{"acl_public", "False"},
	}

	if !e.secure {
		return section("default", append(settings, [2]string{"use_https", "False"}))
	}

	return section("default", append(settings,
		[2]string{"use_https", "True"},
		[2]string{"signurl_use_https", "True"},
		[2]string{"public_url_use_https", "True"},
	))
}

// section returns a section of an INI file. It leaves out settings without a value.
func section(name string, settings [][2]string) string {
	var b strings.Builder

	fmt.Fprintf(&b, "[%s]\n", name)

	for _, s := range settings {
		if s[1] != "" {
			fmt.Fprintf(&b, "%s = %s\n", s[0], s[1])
		}
	}

	return b.String()
}
