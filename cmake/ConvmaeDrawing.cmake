# Decides CONVMAE_HAS_DRAWING: whether pictures with lettering can be drawn, with cairo and Pango.
#
# AUTO draws when pkg-config finds both; ON insists on them.

set(CONVMAE_HAS_DRAWING OFF)
if(NOT CONVMAE_DRAWING STREQUAL "OFF")
  find_package(PkgConfig REQUIRED)
  pkg_check_modules(Drawing IMPORTED_TARGET pangocairo)
  if(Drawing_FOUND)
    set(CONVMAE_HAS_DRAWING ON)
  elseif(CONVMAE_DRAWING STREQUAL "ON")
    message(FATAL_ERROR "CONVMAE_DRAWING=ON needs cairo and Pango; install libcairo2-dev and "
                        "libpango1.0-dev or configure with CONVMAE_DRAWING=OFF")
  endif()
endif()
message(STATUS "drawing with cairo and Pango: ${CONVMAE_HAS_DRAWING}")
