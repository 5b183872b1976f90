// Go's own reverse proxy: reverse LISTEN UPSTREAM.
package main

import (
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"runtime"
)

func main() {
	runtime.GOMAXPROCS(1)
	target, err := url.Parse("http://" + os.Args[2] + "/")
	if err != nil {
		panic(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(target)
	proxy.Transport = &http.Transport{MaxIdleConnsPerHost: 512, DisableCompression: true}
	panic(http.ListenAndServe(os.Args[1], proxy))
}
