// SPDX-License-Identifier: MIT
// The part of a [[local]] that lives on one worker thread: where clients ask in words for
// connections, and the conversations. What becomes of a connection that was asked for is decided by
// a CpePlane, where nobody enters by another door.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>

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
  CpeCounts tried;  ///< of the others

  LocalCounts& operator+=(const LocalCounts& other);
};

/// One [[local]], for all worker threads.
struct LocalDoor {
  /// `memory` may be null.
  explicit LocalDoor(LocalDoorSettings entry, MemoryBudget* memory = nullptr);

  const LocalDoorSettings settings;
  ClientTable clients;
};

class LocalPlane {
 public:
  using Users = std::shared_ptr<const LocalUsers>;

  /// `users`: of the door's file, null when it has none. `shared`, `names` and `door` must outlive
  /// the plane.
  LocalPlane(relay::Reactor& reactor, CpePlane::Settings settings, const CpeShared& shared,
             NameResolver& names, LocalDoor& door, Users users);
  ~LocalPlane();
  LocalPlane(const LocalPlane&) = delete;
  LocalPlane& operator=(const LocalPlane&) = delete;

  void set(CpePlane::Settings settings, Users users);
  std::uint64_t running() const;
  LocalCounts counts() const;

  // For the sessions.
  LocalDoor& door;
  Users users;
  Farewells farewells;  ///< outlives those who speak by it
  CpePlane hosts;
  LocalCounts tally;
  /// Session `session` will hear of it. False: too many names wait.
  bool resolve(const std::string& name, std::uint64_t session);
  void remove(std::uint64_t session);

  Doors doors;

 private:
  /// Where a resolver's thread finds us, until we are gone.
  struct Gate {
    std::mutex mutex;
    LocalPlane* plane = nullptr;
  };

  void enter(kernel::Accepted accepted);
  void resolved(std::uint64_t session, NameResolver::Answer answer);

  NameResolver& names_;
  std::shared_ptr<Gate> gate_ = std::make_shared<Gate>();
  std::uint64_t last_ = 0;
  std::unordered_map<std::uint64_t, std::unique_ptr<LocalSession>> sessions_;
};

}  // namespace anabranch::proxy
