// SPDX-License-Identifier: MIT
// What a CPE and a converter have in common as processes: the status socket, the file that is read
// again, signals, metrics, worker threads. A role says what it does at each of these points.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/loop.hpp"
#include "base/result.hpp"
#include "proxy/worker.hpp"
#include "status/metrics.hpp"
#include "status/notify.hpp"
#include "status/server.hpp"

namespace anabranch::proxy {

class RoleRuntime {
 public:
  /// Until SIGTERM or SIGINT, or until the role stops the loop.
  Result<void> run();

 protected:
  /// `name`: of the socket and in messages, "cpe".
  RoleRuntime(std::string_view name, const std::filesystem::path& file);
  ~RoleRuntime() = default;

  // What a role does, in the order in which it is called.

  /// With all privileges of the process, before any thread is started.
  virtual Result<void> open() = 0;
  /// From here on with CAP_NET_ADMIN and CAP_NET_BIND_SERVICE alone.
  virtual Result<void> begin() = 0;
  /// Undoes what the others did, also when one of them has failed half-way.
  virtual Result<void> put_back() = 0;

  /// Takes what the file says now. After an error everything is as it was before.
  virtual Result<void> read_again() = 0;
  /// Called now and then after a change of workers. False: there is nothing more to do.
  virtual bool leave_idle() { return false; }
  virtual std::string report() = 0;
  virtual std::vector<status::Metric> metrics() = 0;
  virtual const std::optional<status::MetricsAddress>& metrics_address() const = 0;

  std::string file() const { return file_.string(); }
  /// As many workers as the file wants, or, with a word in the log, as many as there are. An error:
  /// there is none at all.
  Result<void> set_workers(unsigned wanted);

  Loop loop_;
  status::ServiceManager service_{loop_};
  Workers workers_;
  /// Beside show and reload; only root may say them.
  std::map<std::string, std::function<void()>> verbs_;

 private:
  Result<void> serve();
  Result<void> serve_metrics();
  Result<std::string> answer(const status::Request& request);
  Result<void> reload();
  void look_for_idle();

  std::string name_;
  std::filesystem::path file_;
  std::optional<status::Server> server_;
  std::optional<status::MetricsServer> metrics_server_;
  Loop::Handle idle_timer_;
};

/// An error when a role of this name answers on its status socket: what it has set up is in use.
Result<void> not_running(std::string_view name);

}  // namespace anabranch::proxy
