// SPDX-License-Identifier: MIT
// Numbers of the MPTCP interfaces of Linux 6.18 (include/uapi/linux/mptcp.h, mptcp_pm.h). The
// headers of long-lived distributions are older than the kernels they run on.
#pragma once

#include <cstdint>

namespace anabranch::kernel {

inline constexpr int kIpprotoMptcp = 262;
inline constexpr int kSolMptcp = 284;
inline constexpr int kMptcpInfo = 1;
inline constexpr int kMptcpFullInfo = 4;

/// Flag of struct mptcp_info: the connection became plain TCP.
inline constexpr std::uint32_t kMptcpInfoFallback = 1U << 0;

/// Generic netlink family "mptcp_pm".
namespace pm {

inline constexpr std::uint8_t kVersion = 1;

enum Command : std::uint8_t {
  kAddAddr = 1,
  kDelAddr = 2,
  kGetAddr = 3,
  kFlushAddrs = 4,
  kSetLimits = 5,
  kGetLimits = 6,
  kSetFlags = 7,
  kAnnounce = 8,
  kRemove = 9,
  kSubflowCreate = 10,
  kSubflowDestroy = 11,
};

/// Of a command.
enum Attribute : std::uint8_t {
  kAttrAddr = 1,  ///< nested
  kAttrRcvAddAddrs = 2,
  kAttrSubflows = 3,
  kAttrToken = 4,       ///< u32
  kAttrLocalId = 5,     ///< u8
  kAttrAddrRemote = 6,  ///< nested
};

/// Inside kAttrAddr and kAttrAddrRemote.
enum AddressAttribute : std::uint8_t {
  kFamily = 1,  ///< u16
  kId = 2,      ///< u8
  kAddr4 = 3,
  kAddr6 = 4,
  kPort = 5,   ///< u16, host order
  kFlags = 6,  ///< u32
  kIfIdx = 7,  ///< s32
};

inline constexpr std::uint32_t kFlagSignal = 1U << 0;
inline constexpr std::uint32_t kFlagSubflow = 1U << 1;
inline constexpr std::uint32_t kFlagBackup = 1U << 2;

/// The command of an event's generic netlink header.
enum Event : std::uint8_t {
  kEventCreated = 1,
  kEventEstablished = 2,
  kEventClosed = 3,
  kEventAnnounced = 6,
  kEventRemoved = 7,
  kEventSubEstablished = 10,
  kEventSubClosed = 11,
  kEventSubPriority = 13,
  kEventListenerCreated = 15,
  kEventListenerClosed = 16,
};

/// Of an event.
enum EventAttribute : std::uint8_t {
  kEventToken = 1,   ///< u32
  kEventFamily = 2,  ///< u16
  kEventLocalId = 3,
  kEventRemoteId = 4,
  kEventSourceAddr4 = 5,
  kEventSourceAddr6 = 6,
  kEventDestinationAddr4 = 7,
  kEventDestinationAddr6 = 8,
  kEventSourcePort = 9,  ///< big endian, as the next
  kEventDestinationPort = 10,
  kEventBackup = 11,       ///< u8
  kEventError = 12,        ///< u8, an errno
  kEventFlags = 13,        ///< u16, since Linux 6.18
  kEventIfIdx = 15,        ///< s32
  kEventResetReason = 16,  ///< u32
  kEventResetFlags = 17,   ///< u32, T
  kEventServerSide = 18,   ///< u8; since Linux 6.18 a flag says the same
};

inline constexpr std::uint16_t kEventFlagDenyJoinId0 = 1U << 0;
inline constexpr std::uint16_t kEventFlagServerSide = 1U << 1;

}  // namespace pm

/// What INET_DIAG_ULP_INFO holds about a subflow.
namespace subflow_diag {

enum Attribute : std::uint8_t {
  kTokenRemote = 1,
  kTokenLocal = 2,
  kFlags = 8,
  kIdRemote = 9,
  kIdLocal = 10,
};

inline constexpr std::uint32_t kFlagJoinRemote = 1U << 2;
inline constexpr std::uint32_t kFlagJoinLocal = 1U << 3;
inline constexpr std::uint32_t kFlagBackupRemote = 1U << 4;
inline constexpr std::uint32_t kFlagBackupLocal = 1U << 5;

}  // namespace subflow_diag

}  // namespace anabranch::kernel
