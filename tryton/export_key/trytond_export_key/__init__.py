# SPDX-License-Identifier: GPL-3.0-or-later
"""A Tryton server module: a supplier invoice that carries an export key is booked once."""
