// SPDX-License-Identifier: MIT
// The part of [[local]] that lives on one worker thread: doors at which clients ask in words for
// connections, and the conversations. A connection that was asked for is the CpePlane's.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/fd.hpp"
#include "proxy/client_table.hpp"
#include "proxy/cpe_plane.hpp"
#include "proxy/door.hpp"
#include "proxy/farewell.hpp"
#include "proxy/local_settings.hpp"
#include "proxy/name_resolver.hpp"

namespace anabranch::proxy {

class LocalSession;

struct LocalCounts {
  std::uint64_t accepted = 0;
  /// What became of those that no connection was tried for: "client", "malformed", "no-name", ...
  std::map<std::string, std::uint64_t> outcomes;

  LocalCounts& operator+=(const LocalCounts& other);
};

/// One [[local]], for all worker threads.
struct LocalDoor {
  LocalDoor(LocalDoorSettings entry, LocalUsers known);

  const LocalDoorSettings settings;
  const LocalUsers users;
  ClientTable clients;
};

using LocalDoors = std::vector<std::unique_ptr<LocalDoor>>;

/// Reads the users of those that have some.
Result<LocalDoors> make_local_doors(const std::vector<LocalDoorSettings>& settings);

/// A listening socket for each door.
Result<std::vector<UniqueFd>> listen_at(const LocalDoors& doors, const std::string& congestion);

class LocalPlane {
 public:
  /// `listeners`: of `doors`, in their order. All but the listeners must outlive it.
  LocalPlane(CpePlane& hosts, NameResolver& names, const LocalDoors& doors,
             std::vector<UniqueFd> listeners);
  ~LocalPlane();
  LocalPlane(const LocalPlane&) = delete;
  LocalPlane& operator=(const LocalPlane&) = delete;

  /// In the order of the doors.
  const std::vector<LocalCounts>& counts() const { return counts_; }

  // For the sessions.
  CpePlane& hosts;
  Farewells farewells;
  /// Session `session` will hear of it. False: too many names wait.
  bool resolve(const std::string& name, std::uint64_t session);
  void remove(std::uint64_t session);

 private:
  /// Where a resolver's thread finds us, until we are gone.
  struct Gate {
    std::mutex mutex;
    LocalPlane* plane = nullptr;
  };

  void enter(LocalDoor& door, LocalCounts& counts, kernel::Accepted accepted);
  void resolved(std::uint64_t session, NameResolver::Answer answer);

  NameResolver& names_;
  std::shared_ptr<Gate> gate_ = std::make_shared<Gate>();
  std::vector<LocalCounts> counts_;
  std::uint64_t last_ = 0;
  std::unordered_map<std::uint64_t, std::unique_ptr<LocalSession>> sessions_;
  std::vector<std::unique_ptr<Door>> doors_;
};

}  // namespace anabranch::proxy
