module github.com/cistern-dev/cistern/test/tools/pause

go 1.26.0
