package minio

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"

	"github.com/minio/madmin-go/v3"
)

// maxUsage bounds the answer about the buckets of a server. One bucket takes about
// half a kilobyte of it.
const maxUsage = 64 << 20

// BucketUsage is what a server reports of one of its buckets.
type BucketUsage struct {
	// Name of the bucket.
	Name string `json:"name"`
	// Size in bytes and number of Objects, all versions, as the server's scanner
	// counted them last.
	Size    uint64 `json:"size"`
	Objects uint64 `json:"objects"`
	// Details are the settings that the server reports, as it wrote them: equal as
	// long as nothing of them changed. They are opaque, except the quota: releases of
	// the server disagree on their shape. Tags are in them only as present or absent.
	Details json.RawMessage `json:"details"`
}

// Quota returns the bucket's quota in bytes; zero if it has none, or if the server reports it
// in a form that is not known.
func (u BucketUsage) Quota() uint64 {
	var details struct {
		// Releases before August 2023 set Quota only.
		Quota struct {
			Quota uint64 `json:"quota"`
			Size  uint64 `json:"size"`
		} `json:"quota"`
	}

	if err := json.Unmarshal(u.Details, &details); err != nil {
		return 0
	}

	return max(details.Quota.Size, details.Quota.Quota)
}

// BucketUsage returns what the server reports of each of its buckets, in one plain
// call for all of them. The call costs the server more the more buckets it has.
//
// The SDK's own call fails on every bucket of a server as soon as one of them has
// tags: it decodes their field with the types of a newer release.
// Source: the answer to GET /minio/admin/v3/accountinfo, of which usage_test.go
// records some.
func (s *Server) BucketUsage(ctx context.Context) ([]BucketUsage, error) {
	rsp, err := s.Admin.ExecuteMethod(ctx, http.MethodGet, madmin.RequestData{RelPath: "/v3/accountinfo"})
	if err != nil {
		return nil, err
	}

	defer func() { _ = rsp.Body.Close() }()

	if rsp.StatusCode != http.StatusOK {
		return nil, adminError(rsp)
	}

	return decodeUsage(io.LimitReader(rsp.Body, maxUsage))
}

func decodeUsage(answer io.Reader) ([]BucketUsage, error) {
	var account struct {
		Buckets []BucketUsage `json:"Buckets"`
	}

	if err := json.NewDecoder(answer).Decode(&account); err != nil {
		return nil, fmt.Errorf("the server's answer about its buckets cannot be read: %w", err)
	}

	return account.Buckets, nil
}
