export const drivers = {};
