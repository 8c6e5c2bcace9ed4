// SPDX-License-Identifier: MIT
#include "status/metrics.hpp"

#include <condition_variable>
#include <exception>
#include <future>
#include <map>
#include <mutex>

#include <prometheus/collectable.h>
#include <prometheus/exposer.h>
#include <prometheus/metric_family.h>
#include <sys/socket.h>

#include "base/fd.hpp"
#include "base/log.hpp"

namespace anabranch::status {
namespace {

constexpr MetricDefinition kBuildInfo{"anabranch_build_info", MetricType::kGauge,
                                      "Always 1; the label tells the version."};

prometheus::ClientMetric to_prometheus(const Metric& metric) {
  prometheus::ClientMetric out;
  for (const auto& [name, value] : metric.labels) out.label.push_back({name, value});
  if (metric.definition->type == MetricType::kCounter)
    out.counter.value = metric.value;
  else
    out.gauge.value = metric.value;
  return out;
}

std::vector<prometheus::MetricFamily> to_prometheus(const std::vector<Metric>& metrics) {
  std::map<std::string_view, prometheus::MetricFamily> families;
  for (const auto& metric : metrics) {
    const auto& definition = *metric.definition;
    auto& family = families[definition.name];
    family.name = definition.name;
    family.help = definition.help;
    family.type = definition.type == MetricType::kCounter ? prometheus::MetricType::Counter
                                                          : prometheus::MetricType::Gauge;
    family.metric.push_back(to_prometheus(metric));
  }
  std::vector<prometheus::MetricFamily> out;
  for (auto& [name, family] : families) out.push_back(std::move(family));
  return out;
}

/// Where the loop and the threads of HTTP meet.
class Exchange : public prometheus::Collectable, public std::enable_shared_from_this<Exchange> {
 public:
  Exchange(Loop& loop, MetricsServer::Snapshot snapshot)
      : loop_(loop), snapshot_(std::move(snapshot)) {}

  std::vector<prometheus::MetricFamily> Collect() const override {
    return const_cast<Exchange*>(this)->collect();
  }

  /// On the loop. Afterwards nobody asks for the snapshot any more.
  void close() {
    {
      const std::lock_guard lock(mutex_);
      closed_ = true;
    }
    answered_.notify_all();
    snapshot_ = nullptr;
  }

 private:
  /// On a thread of HTTP.
  std::vector<prometheus::MetricFamily> collect() {
    std::unique_lock lock(mutex_);
    if (closed_) return {};
    if (!asked_) {
      asked_ = true;
      loop_.post([weak = weak_from_this()] {
        if (const auto self = weak.lock()) self->answer();
      });
    }
    const auto round = round_;
    answered_.wait_for(lock, kScrapePatience, [&] { return closed_ || round_ != round; });
    // A busy loop answers later, to the next one who asks.
    return round_ != round ? to_prometheus(figures_) : std::vector<prometheus::MetricFamily>{};
  }

  /// On the loop.
  void answer() {
    if (!snapshot_) return;
    auto figures = snapshot_();
    figures.push_back({&kBuildInfo, {{"version", ANABRANCH_VERSION}}, 1});
    {
      const std::lock_guard lock(mutex_);
      figures_ = std::move(figures);
      asked_ = false;
      ++round_;
    }
    answered_.notify_all();
  }

  Loop& loop_;
  MetricsServer::Snapshot snapshot_;  ///< the loop's
  std::mutex mutex_;                  ///< of all below
  std::condition_variable answered_;
  bool closed_ = false;
  bool asked_ = false;
  unsigned long round_ = 0;  ///< answers so far
  std::vector<Metric> figures_;
};

std::vector<std::string> http_options(const MetricsAddress& address) {
  // Two threads: a scraper that is slow leaves one for another, and none holds one for long.
  return {"listening_ports",    address.text(), "num_threads",       "2",
          "request_timeout_ms", "5000",         "enable_keep_alive", "no"};
}

/// The HTTP server says that it could not start, not why: this does.
Result<void> try_to_bind(const MetricsAddress& address) {
  sockaddr_storage storage{};
  const unsigned size = address.address.to_sockaddr(address.port, storage);
  const UniqueFd probe(::socket(storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const int on = 1;
  ::setsockopt(probe.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (!probe || ::bind(probe.get(), reinterpret_cast<const sockaddr*>(&storage), size) != 0 ||
      ::listen(probe.get(), 1) != 0) {
    auto failed = fail_errno("cannot serve metrics there", "[metrics] listen = " + address.text());
    failed.error().hint = "every role and every interface needs a port of its own";
    return failed;
  }
  return {};
}

}  // namespace

const MetricDefinition& build_info_definition() {
  return kBuildInfo;
}

struct MetricsServer::Impl {
  MetricsAddress address;
  std::shared_ptr<Exchange> exchange;
  std::unique_ptr<prometheus::Exposer> http;

  /// First nobody waits any more, then the threads are joined. The one that accepts looks up from
  /// its sleep every two seconds only, or when somebody comes: so somebody comes.
  ~Impl() {
    exchange->close();
    const auto stopped = std::async(std::launch::async, [this] { http.reset(); });
    while (stopped.wait_for(milliseconds(10)) != std::future_status::ready) knock();
  }

  void knock() const {
    sockaddr_storage storage{};
    const unsigned size = address.address.to_sockaddr(address.port, storage);
    const UniqueFd fd(::socket(storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    static_cast<void>(::connect(fd.get(), reinterpret_cast<const sockaddr*>(&storage), size));
  }
};

MetricsServer::MetricsServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
MetricsServer::MetricsServer(MetricsServer&&) noexcept = default;
MetricsServer& MetricsServer::operator=(MetricsServer&&) noexcept = default;
MetricsServer::~MetricsServer() = default;

Result<MetricsServer> MetricsServer::open(Loop& loop, const MetricsAddress& address,
                                          Snapshot snapshot) {
  ANABRANCH_TRY(try_to_bind(address));
  auto impl = std::make_unique<Impl>();
  impl->address = address;
  impl->exchange = std::make_shared<Exchange>(loop, std::move(snapshot));
  try {
    impl->http = std::make_unique<prometheus::Exposer>(http_options(address));
    impl->http->RegisterCollectable(impl->exchange);
  } catch (const std::exception& error) {
    return fail(std::string("cannot serve metrics: ") + error.what(), address.text());
  }
  if (!address.loopback())
    log::warning(
        "metrics are served on {}, which is not this machine alone: whoever reaches it reads them",
        address.text());
  log::info("metrics: http://{}/metrics", address.text());
  return MetricsServer(std::move(impl));
}

}  // namespace anabranch::status
