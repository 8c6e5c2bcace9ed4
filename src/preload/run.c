/* SPDX-License-Identifier: MIT */
typedef int anabranch_run_placeholder;
