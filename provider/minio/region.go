package minio

import (
	"cmp"
	"fmt"
	"net/url"

	miniogo "github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
)

// regionalS3 is a client of the S3 API that signs with a region.
type regionalS3 struct {
	*miniogo.Client

	region string
}

// S3 returns the client of the S3 API. It signs with SigningRegion.
func (s *Server) S3() *miniogo.Client { return s.s3.Load().Client }

// SigningRegion returns the region that calls to the server are signed with: the server's own
// as the last successful Check found it, or that of the Config, or DefaultRegion.
func (s *Server) SigningRegion() string {
	return cmp.Or(s.reported().Region, s.Region, DefaultRegion)
}

// PublishedRegion returns the region that users of buckets sign with. It is never empty: some
// clients accept no empty region. It is another than SigningRegion only while the Config names
// a region that is not the server's, and the server must not be driven.
func (s *Server) PublishedRegion() string {
	return cmp.Or(s.Region, s.reported().Region, DefaultRegion)
}

// wrongRegion returns an error if the Config names a region that the server rejects. A server
// without a region accepts any.
func (s *Server) wrongRegion(info serverInfo) error {
	if s.Region == "" || info.Region == "" || s.Region == info.Region {
		return nil
	}

	return fmt.Errorf("spec.region is %q, the server's region is %q", s.Region, info.Region)
}

// signS3 makes the client of the S3 API sign with a region.
func (s *Server) signS3(region string) error {
	if c := s.s3.Load(); c != nil && c.region == region {
		return nil
	}

	u, err := url.Parse(s.Endpoint)
	if err != nil {
		return fmt.Errorf("endpoint %q is not a URL: %w", s.Endpoint, err)
	}

	client, err := s.newS3(u.Host, u.Scheme == "https", region)
	if err != nil {
		return fmt.Errorf("cannot create an S3 client for endpoint %q: %w", s.Endpoint, err)
	}

	s.s3.Store(&regionalS3{Client: client, region: region})

	return nil
}

// newS3 returns a client of the S3 API at a host.
func (s *Server) newS3(host string, secure bool, region string) (*miniogo.Client, error) {
	return miniogo.New(host, &miniogo.Options{
		Creds:        credentials.NewStaticV4(s.AccessKey, s.SecretKey.Reveal(), ""),
		Secure:       secure,
		Transport:    genuine{s.transport},
		Region:       region,
		BucketLookup: miniogo.BucketLookupPath,
		MaxRetries:   1,
	})
}
